"""Writing a sound file: whole or not at all, with the length, the tags and the depth that were asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from unbraid.audio import mp3
from unbraid.audio.atomic import AtomicFile, cannot_write
from unbraid.audio.formats import Depth, Encoder, Format, Target, encoder
from unbraid.audio.resample import Resampler
from unbraid.audio.say import shown
from unbraid.audio.tags import Tags
from unbraid.errors import OutputError
from unbraid.signal import Samples


@dataclass(frozen=True)
class Written:
    """What became a file.

    samples, rate: as the file holds them. clipped: samples beyond full scale that were cut. notes: what the user should
    be told, each a sentence that follows the file's name.
    """

    path: Path
    samples: int
    rate: int
    clipped: int
    notes: tuple[str, ...]


class Writer:
    """A sound file that is filled block by block and appears under its name when it is whole.

    As a context manager it finishes at the end, or leaves nothing if there was an exception (KeyboardInterrupt too)::

        with Writer(path, Target(44100, 2, "flac")) as writer:
            writer.write(block)

    Raises OutputError, naming file and reason: what the format cannot hold and where nothing can be written is refused
    at once, a full disk when it happens.
    """

    def __init__(self, path: str | os.PathLike[str], target: Target, overwrite: bool = True) -> None:
        self.path, self._target = Path(path), target
        self._resampler = Resampler(target.rate, target.file_rate, target.channels)
        self._taken = self._given = 0
        self._atomic = AtomicFile(path, overwrite)
        try:
            with explained(path):
                self._encoder: Encoder = encoder(target, self._atomic.file, self.path.parent)
        except BaseException:
            self._atomic.discard()
            raise
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """What became of it, once it is finished."""
        assert self._written is not None
        return self._written

    def write(self, block: Samples) -> None:
        """Append ``block[channel, time]`` of float32 at the target's rate."""
        assert len(block) == self._target.channels
        self._taken += block.shape[1]
        with explained(self.path):
            self._encode(self._resampler.push(block))

    def finish(self) -> Written:
        """Complete the file and give it its name."""
        announced = self._target.samples
        try:
            if announced is not None and announced != self._taken:
                raise OutputError(f"{shown(self.path)}: {announced} samples were announced and {self._taken} came")
            with explained(self.path):
                self._encode(self._resampler.flush())
                self._encoder.finish()
                if self._target.format == "mp3":
                    mp3.set_length(self._atomic.file, self._given, self._target.file_rate)
        except BaseException:
            self.abandon()
            raise
        self._atomic.commit()
        self._written = Written(
            self.path, self._given, self._target.file_rate, self._encoder.clipped, tuple(self._notes())
        )
        return self._written

    def abandon(self) -> None:
        """Remove what was written so far."""
        try:
            self._encoder.abandon()
        finally:
            self._atomic.discard()

    def _encode(self, block: Samples) -> None:
        self._given += block.shape[1]
        self._encoder.write(block)

    def _notes(self) -> Iterator[str]:
        target = self._target
        if target.rate != target.file_rate:
            yield f"written at {target.file_rate} Hz, since {target.format} holds no {target.rate} Hz"
        yield from notes_on(self._encoder.clipped, self._encoder.not_finite)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self._written is None:
            self.finish()


def write_audio(
    path: str | os.PathLike[str],
    blocks: Iterable[Samples],
    rate: int,
    channels: int,
    *,
    format: Format,
    depth: Depth = 24,
    tags: Tags | None = None,
    samples: int | None = None,
    bitrate_kbps: int | None = None,
    dither_seed: int = 0,
    overwrite: bool = True,
) -> Written:
    """Write ``blocks[channel, time]`` to ``path``; the arguments are those of :class:`Target` and :class:`Writer`."""
    target = Target(rate, channels, format, depth, tags or Tags(), samples, bitrate_kbps, dither_seed)
    with Writer(path, target, overwrite) as writer:
        for block in blocks:
            writer.write(block)
    return writer.written


@contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns what the system and the encoders raise into OutputError: file and reason in one line."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise OutputError(f"{shown(path)}: the encoder refused it ({error.strerror})") from error
    except OSError as error:
        raise cannot_write(path, error) from error


def notes_on(clipped: int, not_finite: int) -> Iterator[str]:
    """Sentences about samples that a format could not hold."""
    if clipped:
        yield f"{clipped} samples beyond full scale were clipped"
    if not_finite:
        yield f"{not_finite} samples that were not numbers became silence"

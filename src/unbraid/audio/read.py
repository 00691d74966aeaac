"""Reading a sound file block by block, so that memory does not depend on its length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from unbraid.audio.conform import Conform
from unbraid.audio.decode import Decoder, Heard
from unbraid.audio.frames import Layout, to_float, used_bits
from unbraid.audio.say import clock
from unbraid.signal import Samples

BLOCK = 1 << 16
"""Samples in a block unless another number is asked for (1.5 s at 44.1 kHz)."""
_LONGEST_GAP_S = 60.0


def open_audio(path: str | os.PathLike[str], stream: int | None = None) -> AudioReader:
    """The sound file at ``path``, ready to be read. Raises AudioError if there is no sound in it.

    stream: which of its audio streams, from 0; None for the main one.
    """
    return AudioReader(path, stream)


class AudioReader:
    """A sound file of any kind.

    rate: in Hz. channels: how many. layout: what they are, see :data:`unbraid.audio.frames.Layout`.
    bits: of integer PCM (8, 16, 24, 32), None for floats and lossy codecs.
    warnings: filled while reading, each a sentence that follows the file's name.
    length: samples that the last complete reading gave; None before that.

    A context manager for symmetry with other readers; between two readings nothing is held open.
    """

    def __init__(self, path: str | os.PathLike[str], stream: int | None = None) -> None:
        self.path, self.stream = path, stream
        self.warnings: list[str] = []
        self.length: int | None = None
        with Decoder(path, stream) as decoder:
            self.rate, self.channels = decoder.first.rate, len(decoder.first.numbers)
            self.layout: Layout = decoder.first.layout
            self.bits = used_bits(decoder.first.numbers)

    @property
    def exact(self) -> bool:
        """Whether all samples read so far are ``k / 2^(bits - 1)`` with integer k, as of PCM of up to 24 bits."""
        return self.bits is not None and self.bits <= 24

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """The sound from its beginning, in blocks ``[channel, size]`` of float32; the last one may be shorter."""
        held: list[Samples] = []
        count = 0
        for block in self._pieces():
            held.append(block)
            count += block.shape[1]
            if count >= size:
                joined = np.concatenate(held, axis=1)
                whole = count - count % size
                for start in range(0, whole, size):
                    yield joined[:, start : start + size]
                held, count = [joined[:, whole:]], count - whole
        if count:
            yield np.concatenate(held, axis=1)

    def read(self) -> Samples:
        """The whole sound ``[channel, time]``."""
        return np.concatenate(list(self.blocks()), axis=1)

    def _pieces(self) -> Iterator[Samples]:
        self.warnings.clear()
        with Decoder(self.path, self.stream) as decoder:
            reading = _Reading(self, decoder)
            yield from reading.pieces()
            self.length = reading.position
            self.warnings += reading.warnings()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Reading:
    """One pass: keeps the position, puts silence where packets were lost, and knows what to warn of."""

    def __init__(self, reader: AudioReader, decoder: Decoder) -> None:
        self._reader, self._decoder = reader, decoder
        self._conform = Conform(reader.rate, reader.channels)
        self.position = self._lost = self._damage_inside = self._not_finite = 0

    def pieces(self) -> Iterator[Samples]:
        for frame in self._decoder.frames():
            timed = self._decoder.has_true_times and frame.rate == self._reader.rate
            if timed or self._decoder.damaged > self._damage_inside:
                self._damage_inside = self._decoder.damaged
                yield from self._counted(self._silence_before(frame))
            block = self._conform.push(self._finite(frame), frame.rate, frame.layout)
            yield from self._counted(self._until_end(block, frame))
        yield from self._counted(self._conform.flush())

    def _counted(self, block: Samples) -> Iterator[Samples]:
        self.position += block.shape[1]
        if block.shape[1]:
            yield block

    def _silence_before(self, frame: Heard) -> Samples:
        """Silence in the place of packets that were lost, so that what follows stays in time."""
        start, now = self._decoder.first.time_s, frame.time_s
        gap = 0
        if start is not None and now is not None:
            gap = round((now - start) * self._reader.rate) - self.position
        gap = gap if 0 < gap <= _LONGEST_GAP_S * self._reader.rate else 0
        self._lost += gap
        return np.zeros((self._reader.channels, gap), np.float32)

    def _finite(self, frame: Heard) -> Samples:
        bits = used_bits(frame.numbers)
        if self._reader.bits is not None:
            self._reader.bits = None if bits is None else max(self._reader.bits, bits)
        block = to_float(frame.numbers)
        if bits is None and not np.isfinite(block).all():
            broken = ~np.isfinite(block)
            self._not_finite += int(broken.sum())
            block[broken] = 0.0
        return block

    def _until_end(self, block: Samples, frame: Heard) -> Samples:
        start = self._decoder.first.time_s
        if frame.end_s is None or start is None:
            return block
        return block[:, : max(0, round((frame.end_s - start) * self._reader.rate) - self.position)]

    def warnings(self) -> list[str]:
        """What was not as it should be, after the last piece."""
        said = [*self._length_warnings()]
        if self._damage_inside or self._lost:
            said.append(
                f"is damaged inside; {self._lost / self._reader.rate:.2f} s became silence, so as to stay in time"
            )
        if self._not_finite:
            said.append(f"{self._not_finite} samples that were not numbers (NaN or infinite) became silence")
        if self._conform.changed:
            said.append(
                f"rate or channels change on the way; all of it was made {self._reader.rate} Hz, "
                f"{self._reader.channels} channels"
            )
        return said

    def _length_warnings(self) -> Iterator[str]:
        decoder, heard_s = self._decoder, self.position / self._reader.rate
        declared = decoder.declared_s
        chunk = decoder.chunk
        if chunk and chunk.claimed is not None and (chunk.too_long or chunk.too_short):
            claimed_s = chunk.seconds(chunk.claimed)
            declared = (claimed_s, 0.0)
        surplus = heard_s - declared[0] if declared else 0.0
        slack = declared[1] + 0.5 / self._reader.rate if declared else 0.0
        if not decoder.ending.closed:
            yield f"cut short at {clock(heard_s)}; its closing page is missing"
        elif decoder.ending.chained:
            yield f"is strung together from several streams; {clock(heard_s)} of it could be read"
        elif declared and decoder.kind == "ogg":  # whose end, not whose header, says how long it should be
            if surplus < -slack:
                yield f"is damaged inside; {-surplus:.2f} s are missing"
        elif declared and surplus < -slack:
            yield f"cut short at {clock(heard_s)}; its header says {clock(declared[0])}"
        elif declared and surplus > slack:
            yield f"holds {clock(heard_s)}, more than its header says ({clock(declared[0])}); all of it was read"
        elif declared is None and chunk is None and (decoder.broken_off or decoder.damaged > self._damage_inside):
            yield f"cut short at {clock(heard_s)}; its end is damaged or missing"

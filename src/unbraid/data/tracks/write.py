"""Songs written in the form that training reads: plain WAV files and ``song.json``, there when whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.audio.atomic import cannot_write
from unbraid.data.tracks.song import CHANNELS, FORMAT, HEADER
from unbraid.errors import OutputError
from unbraid.signal import Samples

DESCRIPTION = "song.json"


class SongFolder:
    """A song that is being written under a hidden name beside ``folder``; :meth:`finish` makes it appear.

    As a context manager it leaves nothing if there was an exception or it was not finished. A song that is there
    already is replaced. Raises OutputError where nothing can be written.
    """

    def __init__(self, folder: Path, rate: int) -> None:
        self.folder, self._rate = folder, rate
        self._partial = folder.with_name(f".tmp-{folder.name}-{os.getpid()}")
        self._parts: list[dict[str, Any]] = []
        self._lengths: set[int] = set()

    def add(
        self, file: str, samples: Samples, stems: frozenset[str], label: str, words: Sequence[str] = (), **facts: Any
    ) -> None:
        """Write ``samples[2, time]`` as ``file``; all parts must have one length."""
        try:
            write_wav(self._partial / file, samples, self._rate)
        except OSError as error:
            raise cannot_write(self._partial / file, error) from error
        self.mention(file, samples.shape[1], stems, label, words, **facts)

    def mention(
        self, file: str, samples: int, stems: frozenset[str], label: str, words: Sequence[str] = (), **facts: Any
    ) -> None:
        """A part that is a plain WAV file already; ``file`` may be a path from the root."""
        self._lengths.add(samples)
        self._parts.append({"file": file, "stems": sorted(stems), "label": label, "words": list(words), **facts})

    def finish(self, kind: str, **facts: Any) -> None:
        """Describe the song and give the folder its name."""
        assert len(self._lengths) == 1, f"parts of one song differ in length: {self._lengths}"
        song = {"format": FORMAT, "id": self.folder.name, "kind": kind, "rate": self._rate}
        song |= {"samples": self._lengths.pop(), **facts, "parts": self._parts}
        try:
            (self._partial / DESCRIPTION).write_text(json.dumps(song, indent=1) + "\n", "utf-8")
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self._partial.rename(self.folder)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def __enter__(self) -> SongFolder:
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(self._partial, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            shutil.rmtree(self._partial, ignore_errors=True)


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """``[2, time]`` as 16-bit PCM behind a header of 44 bytes, so that a reader may map the file into memory.

    No dither: parts are summed to the mix, and silence must stay silence. What is beyond full scale is clipped.
    """
    assert len(samples) == CHANNELS
    size = samples.shape[1] * CHANNELS * 2
    if size > 2**32 - 64:
        raise OutputError(f"{path}: {samples.shape[1]} samples are more than a WAV file holds; cut the song to pieces")
    pcm = np.round(np.clip(samples.T, -1.0, 32767 / 32768) * 32768).astype("<i2").tobytes()
    block = 2 * CHANNELS
    header = HEADER.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, CHANNELS, rate, rate * block, block, 16, b"data", size
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.write(pcm)

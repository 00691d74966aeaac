"""Float32 audio parked on the disk, so that memory does not grow with the song.

Files are read and written by position, not memory-mapped: mapped pages count as the process's memory, and a full disk
under a mapping is a signal that kills the process instead of an error that can be told.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from unbraid.errors import OutputError
from unbraid.signal import Samples

_BYTES = 4


class Spool:
    """Audio ``[channel, time]`` in a file, interleaved; a Source once it has been filled.

    Raises OutputError naming the file when the disk refuses it.
    """

    def __init__(self, path: Path, channels: int) -> None:
        self._path, self._channels, self._length = path, channels, 0
        self._turn = threading.Lock()  # Windows has no reading and writing by position
        try:
            self._file = path.open("w+b", buffering=0)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot write here ({error.strerror})") from error

    @property
    def channels(self) -> int:
        return self._channels

    @property
    def length(self) -> int:
        return self._length

    def append(self, block: Samples) -> None:
        self.write(self._length, block)

    def write(self, start: int, block: Samples) -> None:
        """Put ``block[channel, time]`` at ``start``; a gap before it reads as zeros."""
        assert block.shape[0] == self._channels
        data = memoryview(_interleaved(block).reshape(-1).view(np.uint8).data)
        offset = start * self._channels * _BYTES
        try:
            while data:
                written = self._put(data, offset)
                data, offset = data[written:], offset + written
        except OSError as error:
            raise OutputError(f"{self._path.parent}: cannot write here ({error.strerror})") from error
        self._length = max(self._length, start + block.shape[1])

    def add(self, start: int, block: Samples) -> None:
        """Add ``block`` to what lies at ``start``; beyond the end it is appended."""
        known = min(max(self._length - start, 0), block.shape[1])
        if known:
            block = block.copy()
            block[:, :known] += self.read(start, start + known)
        self.write(start, block)

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``[channel, stop - start]``."""
        assert 0 <= start <= stop <= self._length
        frame = self._channels * _BYTES
        raw = self._get((stop - start) * frame, start * frame)
        flat = np.frombuffer(raw, np.float32)
        return np.ascontiguousarray(flat.reshape(-1, self._channels).T)

    def _put(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, offset)
        with self._turn:
            self._file.seek(offset)
            return self._file.write(data) or 0

    def _get(self, size: int, offset: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._turn:
            self._file.seek(offset)
            return self._file.read(size) or b""

    def close(self) -> None:
        """Close and delete."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SpoolFolder:
    """Makes spools in a folder, and closes them all at the end: ``with SpoolFolder(folder) as new_spool``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._spools = folder, ExitStack()

    def __call__(self, name: str, channels: int) -> Spool:
        return self._spools.enter_context(Spool(self._folder / f"{name}.f32", channels))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spools.close()


def _interleaved(block: Samples) -> Samples:
    """``[channel, time]`` to ``[time, channel]``; a channel at a time is several times faster than the transpose."""
    out = np.empty(block.shape[::-1], np.float32)
    for channel, samples in enumerate(block):
        out[:, channel] = samples
    return out

"""Where the engine puts what it makes: memory for the Python API, a file for songs of any length."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from unbraid.signal import Samples


class Store(Protocol):
    """A Source that can be written; Spool (engine/spool.py) and ArrayStore are the two kinds."""

    @property
    def channels(self) -> int: ...

    @property
    def length(self) -> int: ...

    def read(self, start: int, stop: int) -> Samples: ...

    def append(self, block: Samples) -> None: ...

    def add(self, start: int, block: Samples) -> None: ...


class ArrayStore:
    """A store in memory; its array doubles when it is full."""

    def __init__(self, channels: int, capacity: int = 1 << 16) -> None:
        self._array, self._length = np.zeros((channels, capacity), np.float32), 0

    @property
    def channels(self) -> int:
        return len(self._array)

    @property
    def length(self) -> int:
        return self._length

    @property
    def samples(self) -> Samples:
        """All that was written, ``[channel, time]``."""
        return self._array[:, : self._length]

    def read(self, start: int, stop: int) -> Samples:
        assert 0 <= start <= stop <= self._length
        return self._array[:, start:stop]

    def append(self, block: Samples) -> None:
        self.add(self._length, block)

    def add(self, start: int, block: Samples) -> None:
        stop = start + block.shape[1]
        if stop > self._array.shape[1]:
            room = max(stop, 2 * self._array.shape[1]) - self._array.shape[1]
            self._array = np.pad(self._array, ((0, 0), (0, room)))
        known = min(max(self._length - start, 0), block.shape[1])
        self._array[:, start : start + known] += block[:, :known]
        self._array[:, start + known : stop] = block[:, known:]  # there were zeros
        self._length = max(self._length, stop)

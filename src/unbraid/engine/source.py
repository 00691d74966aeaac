"""Where the engine takes its mixture from: anything that can be read by position.

Random access is what lets a chunk be padded with its real neighbours and a song be gone over twice
(statistics, shifts, bags) while memory stays flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unbraid.signal import Samples

BLOCK = 1 << 18
"""Samples read at once by a pass over a whole source (6 s at 44.1 kHz)."""


class Source(Protocol):
    """A mixture ``[channel, time]`` of known length."""

    @property
    def channels(self) -> int: ...

    @property
    def length(self) -> int: ...

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``[channel, stop - start]``, for ``0 <= start <= stop <= length``."""
        ...


@dataclass(frozen=True)
class ArraySource:
    """A mixture that is in memory."""

    samples: Samples

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def length(self) -> int:
        return int(self.samples.shape[1])

    def read(self, start: int, stop: int) -> Samples:
        return self.samples[:, start:stop]


@dataclass(frozen=True)
class ShiftedSource:
    """``source`` heard ``delay`` samples later, with silence before it (the shift trick of Demucs)."""

    source: Source
    delay: int

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def length(self) -> int:
        return self.source.length + self.delay

    def read(self, start: int, stop: int) -> Samples:
        return read_padded(self.source, start - self.delay, stop - self.delay)


@dataclass(frozen=True)
class Level:
    """What was done to a song before a net heard it: ``mean`` was taken off, and the rest divided by ``scale``."""

    mean: float = 0.0
    scale: float = 1.0

    def silent(self, samples: Samples) -> bool:
        """Whether ``samples`` were digital silence; beyond the song's ends there are zeros."""
        silence = -np.float32(self.mean) / np.float32(self.scale)
        return not samples.any() or (bool(silence) and bool(((samples == silence) | (samples == 0)).all()))

    def undone(self, stems: Samples, *, whole: bool = True) -> Samples:
        """``stems`` as loud as the song was. whole: with the mean, which each stem has and nothing that is asked."""
        if self.scale != 1:
            stems = stems * np.float32(self.scale)
        return stems + np.float32(self.mean) if self.mean and whole else stems


AS_IT_IS = Level()


@dataclass(frozen=True)
class NormalizedSource:
    """``source`` with ``mean`` removed and divided by ``scale``."""

    source: Source
    mean: float
    scale: float

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def length(self) -> int:
        return self.source.length

    def read(self, start: int, stop: int) -> Samples:
        return (self.source.read(start, stop) - np.float32(self.mean)) / np.float32(self.scale)

    @property
    def level(self) -> Level:
        """How to undo it."""
        return Level(self.mean, self.scale)


def read_padded(source: Source, start: int, stop: int) -> Samples:
    """Samples ``start : stop``, which may reach beyond the source; what lies beyond is zero."""
    low, high = max(start, 0), min(stop, source.length)
    if low >= high:
        return np.zeros((source.channels, stop - start), np.float32)
    if low == start and high == stop:
        return source.read(start, stop)
    return np.pad(source.read(low, high), ((0, 0), (low - start, stop - high)))


def track_normalized(source: Source) -> NormalizedSource:
    """``source`` as Demucs wants it: zero mean and unit deviation of the whole song's mono mix.

    The mean and the unbiased deviation are those of the mono mix over all samples (Défossez 2021; demucs
    ``apply_model`` callers). Two passes, since sums of squares of the raw samples lose digits on songs with an offset.
    """
    length = source.length
    if length == 0:
        return NormalizedSource(source, 0.0, 1.0)

    def mono_blocks() -> list[tuple[int, int]]:
        return [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]

    total = sum(float(source.read(*span).mean(0).sum(dtype=np.float64)) for span in mono_blocks())
    mean = total / length
    squares = sum(
        float(np.square(source.read(*span).mean(0).astype(np.float64) - mean).sum()) for span in mono_blocks()
    )
    deviation = (squares / max(length - 1, 1)) ** 0.5
    return NormalizedSource(source, mean, deviation + 1e-8)

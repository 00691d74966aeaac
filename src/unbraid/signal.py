"""The two values that travel through the whole program: a piece of audio, and the stems taken out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError

Samples = NDArray[np.float32]
"""float32 samples; the last axis is time, full scale is 1.0. One piece of audio is ``[channel, time]``."""


def as_samples(values: object) -> Samples:
    """Return ``values`` as float32 ``[channel, time]``; a plain ``[time]`` becomes one channel.

    Integers are refused, since their full scale is not known.
    """
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise UsageError(f"samples have shape {array.shape}; give [channel, time] or [time]")
    if array.dtype.kind != "f":
        raise UsageError(f"samples are {array.dtype}; give floats with full scale 1.0 (divide int16 by 32768)")
    return np.ascontiguousarray(array, dtype=np.float32)


@dataclass(frozen=True)
class Audio:
    """Samples ``[channel, time]`` in float32 and their rate in Hz."""

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", as_samples(self.samples))
        if self.rate <= 0:
            raise UsageError(f"rate is {self.rate} Hz; it must be positive")

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / self.rate)


@dataclass(frozen=True)
class Stems(Mapping[str, Samples]):
    """Stem name -> samples ``[channel, time]``, all of one shape, and their rate in Hz."""

    samples: Mapping[str, Samples]
    rate: int

    def __post_init__(self) -> None:
        held = {name: as_samples(value) for name, value in self.samples.items()}
        shapes = {value.shape for value in held.values()}
        if len(shapes) > 1:
            raise UsageError(f"stems differ in shape: { {n: v.shape for n, v in held.items()} }")
        object.__setattr__(self, "samples", MappingProxyType(held))

    def __getitem__(self, name: str) -> Samples:
        return self.samples[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)

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


LOUDEST = 2.0**20
"""120 dB above full scale: what is louder is no sound, but another kind of number read as one."""


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


def check_rate(rate: int) -> None:
    """Raises UsageError for what is no sample rate."""
    if not isinstance(rate, int | np.integer) or rate <= 0:
        raise UsageError(f"rate is {rate!r} Hz; it must be a positive whole number")


def check_sound(samples: Samples) -> None:
    """Raises UsageError for samples that are not numbers, or too large to be sound."""
    loudest = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))  # NaN if any of them is
    if not loudest < LOUDEST:
        raise UsageError(f"samples reach {loudest:g}; give finite numbers with full scale 1.0")


@dataclass(frozen=True)
class Audio:
    """Samples ``[channel, time]`` in float32 and their rate in Hz."""

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", as_samples(self.samples))
        check_rate(self.rate)

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

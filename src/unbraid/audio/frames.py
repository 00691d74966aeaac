"""What a decoder hands out, as float32 samples."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from unbraid.signal import Samples

_NUMBERS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

Layout = tuple[str, ...]
"""Channel names in the order of the samples, such as ``("FL", "FR", "FC", "LFE", "BL", "BR")``; empty if not known."""


def raw(frame: av.AudioFrame) -> NDArray[np.generic]:
    """The frame's numbers as they are, ``[channel, time]``.

    Not ``frame.to_ndarray()``: for eight and more planes that one reads beyond the list of planes (PyAV 18).
    """
    kind, channels, samples = frame.format, frame.layout.nb_channels, frame.samples
    numbers = np.dtype(_NUMBERS[kind.name.removesuffix("p")])
    planes = [memoryview(plane) for plane in frame.planes[: channels if kind.is_planar else 1]]
    if kind.is_planar:
        return np.stack([np.frombuffer(plane, numbers, samples) for plane in planes])
    interleaved: NDArray[np.generic] = np.frombuffer(planes[0], numbers, samples * channels)
    return interleaved.reshape(samples, channels).T


def to_float(numbers: NDArray[np.generic]) -> Samples:
    """``numbers[channel, time]`` with full scale 1.0.

    Integers of up to 24 bits are exact (FFmpeg hands 24 bits out in the upper part of 32).
    """
    kind, size = numbers.dtype.kind, numbers.dtype.itemsize
    if kind == "f":
        return np.array(numbers, np.float32)
    if kind == "u":
        return (numbers.astype(np.float32) - np.float32(128)) / np.float32(128)
    return numbers.astype(np.float32) * np.float32(2.0 ** (1 - 8 * size))


def used_bits(numbers: NDArray[np.generic]) -> int | None:
    """How many bits the integers make use of (8, 16, 24, 32 or 64); None for floats."""
    if numbers.dtype.kind == "f":
        return None
    bits = 8 * numbers.dtype.itemsize
    if bits == 32:
        return 32 if int(np.bitwise_or.reduce(numbers, axis=None)) & 0xFF else 24
    return bits


def channel_names(layout: av.AudioLayout) -> Layout:
    """Names of the channels, or an empty tuple if the file does not say what they are."""
    names = tuple(channel.name for channel in layout.channels)
    known = len(names) == layout.nb_channels and len(set(names)) == len(names)
    return names if known and not any(name.startswith(("NONE", "USR", "UNK")) for name in names) else ()

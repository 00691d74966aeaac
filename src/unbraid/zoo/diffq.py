"""Weights quantised with DiffQ, decoded without the diffq package.

Défossez, Adi & Synnaeve 2021, "Differentiable Model Compression via Pseudo Quantization Noise". A parameter is cut
into groups of 8 numbers; each group has its own number of bits b, and a number is a level l of 2^b,

    w = l / (2^b - 1) * (max - min) + min,        min and max being those of the whole parameter.

The state names no parameter: those that are large enough come in the order in which the net defines them
(``quantized``), the small ones follow the same order as they are (``others``, or ``float16``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import Name, shown

Array = NDArray[Any]
_QUANTIZER = "diffq.diffq.DiffQuantizer"
_PACKED_WIDTHS = 14
"""Levels are packed by width, 1 to 14 bits. Groups of 15 bits are lost by the format, and refused here."""


@dataclass(frozen=True)
class _Settings:
    """How the state was made. The defaults are those of demucs version 2, whose files do not say."""

    min_size_mb: float = 1.0
    group_size: int = 8
    min_bits: int = 2
    float16: bool = False
    packed: bool = False

    def is_quantized(self, size: int) -> bool:
        return size > self.min_size_mb * 2**20 // 4


def decode(state: dict[str, Any], parameters: Sequence[tuple[str, tuple[int, ...]]]) -> dict[str, Array]:
    """Float32 weights by name from a DiffQ ``state``.

    parameters: name and shape of the net's parameters in the order in which it defines them, each once.
    Raises ModelError, whose message continues a sentence that begins with the file's name.
    """
    settings = _settings(state.get("meta"))
    large = [(name, shape) for name, shape in parameters if settings.is_quantized(prod(shape))]
    small = [(name, shape) for name, shape in parameters if not settings.is_quantized(prod(shape))]
    weights: dict[str, Array] = {}
    for (name, _), values in zip(small, _list(state, "float16" if settings.float16 else "others", small), strict=True):
        if not isinstance(values, np.ndarray):
            raise ModelError(f"holds a {type(values).__name__} for {name}")
        weights[name] = values.astype(np.float32)
    for (name, shape), parts in zip(large, _list(state, "quantized", large), strict=True):
        weights[name] = _decode_one(name, shape, parts, settings)
    return {name: weights[name] for name, _ in parameters}


def _settings(meta: object) -> _Settings:
    if meta is None:
        return _Settings()
    given = meta.get("init_kwargs") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(given, dict) or meta.get("klass") != Name(_QUANTIZER):
        raise ModelError("is quantised in another way than with DiffQ")
    values = {
        "min_size_mb": given.get("min_size", 0.01),
        "group_size": given.get("group_size", 1),
        "min_bits": given.get("min_bits", 2),
        "float16": given.get("float16", False),
        "packed": meta.get("packed", False),
    }
    plain = all(isinstance(value, (int, float)) and 0 <= value <= 1 << 20 for value in values.values())
    if not plain or values["group_size"] < 1 or values["min_bits"] != int(values["min_bits"]) or given.get("exclude"):
        raise ModelError(f"is quantised with settings that are not known: {shown(given)}")
    return _Settings(**{**values, "group_size": int(values["group_size"]), "min_bits": int(values["min_bits"])})


def _list(state: dict[str, Any], key: str, parameters: Sequence[object]) -> list[Any]:
    held = state.get(key)
    if not isinstance(held, list) or len(held) != len(parameters):
        count = len(held) if isinstance(held, list) else 0
        raise ModelError(f"holds {count} parameters as {key}, the net has {len(parameters)}")
    return held


def _decode_one(name: str, shape: tuple[int, ...], parts: object, settings: _Settings) -> Array:
    groups, rest = divmod(prod(shape), settings.group_size)
    if rest or not isinstance(parts, tuple) or len(parts) != 3:
        raise ModelError(f"holds {shown(parts)} for {name}")
    levels, scale, bits = parts
    if settings.packed:
        bits = _unpack(bits, groups, name).astype(np.int64) + settings.min_bits
        levels = _levels(levels, bits, settings.group_size, name)
    low, high = _scale(scale, name)
    levels, bits = _numbers(levels, groups * settings.group_size, name), _numbers(bits, groups, name)
    unit = 1 / (2 ** bits.astype(np.float32) - 1)
    values = levels.astype(np.float32).reshape(groups, -1) * unit.reshape(groups, 1)
    return (values * np.float32(high - low) + np.float32(low)).reshape(shape)


def _levels(packed: object, bits: Array, group_size: int, name: str) -> Array:
    """The levels ``[group, number]``, from one packed array for each width."""
    if not isinstance(packed, (list, tuple)) or len(packed) != _PACKED_WIDTHS:
        raise ModelError(f"holds {shown(packed)} for {name}")
    levels = np.zeros((len(bits), group_size), np.int16)
    found = 0
    for width, each in enumerate(packed, 1):
        chosen = bits == width
        count = int(chosen.sum())
        if count:
            levels[chosen] = _unpack(each, count * group_size, name).reshape(count, group_size)
        found += count
    if found != len(bits):
        raise ModelError(f"has groups of no known width in {name}")
    return levels


def _unpack(packed: object, count: int, name: str) -> Array:
    """``count`` numbers of few bits, which are stored as planes of bits.

    An int64 array ``[line, plane, 32]`` holds in bit s of column c of a line the number ``2048 line + 32 s + c``;
    an array ``[plane, column]`` of n-bit integers (diffq's ``torch_pack``) holds in bit s of column c the number
    ``columns * s + c``.
    """
    if not isinstance(packed, np.ndarray) or packed.ndim not in (2, 3) or packed.dtype.kind not in "iu":
        raise ModelError(f"holds {shown(packed)} for {name}")
    planes = packed if packed.ndim == 3 else packed[None]
    lines, depth, columns = planes.shape
    if depth > 16 or lines * columns * packed.itemsize * 8 < count:
        raise ModelError(f"holds packed numbers of shape {packed.shape} for {name}, too few or too wide")
    numbers = np.zeros((lines, columns, packed.itemsize * 8), np.int16)
    for plane in range(depth):
        octets = np.ascontiguousarray(planes[:, plane]).view(np.uint8).reshape(lines, columns, -1)
        numbers |= np.unpackbits(octets, axis=-1, bitorder="little").astype(np.int16) << plane
    return numbers.swapaxes(1, 2).reshape(-1)[:count]


def _scale(scale: object, name: str) -> tuple[float, float]:
    if not isinstance(scale, tuple) or len(scale) != 2 or not all(isinstance(end, (int, float)) for end in scale):
        raise ModelError(f"holds {shown(scale)} as the range of {name}")
    return scale


def _numbers(values: object, count: int, name: str) -> Array:
    if not isinstance(values, np.ndarray) or values.size != count or values.dtype.kind not in "iuf":
        raise ModelError(f"holds {shown(values)} for {name}")
    return values

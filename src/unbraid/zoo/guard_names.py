"""What a checkpoint may name, and what each name means here. Nothing is imported or called because a file says so.

A pickle names Python objects (``torch._utils _rebuild_tensor_v2``). Here a name is looked up in the table below and
stands for one of our own functions on plain data, or, for a class, for its name alone. All else is refused by name.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from unbraid.errors import ModelError

LARGEST_INTEGER = 1 << 63
_MOST_AXES = 8
_LONGEST_SHOWN = 120

CLASSES = frozenset(
    {
        "demucs.demucs.Demucs",
        "demucs.hdemucs.HDemucs",
        "demucs.htdemucs.HTDemucs",
        "demucs.model.Demucs",
        "demucs.tasnet.ConvTasNet",
        "demucs.wdemucs.WDemucs",
        "diffq.diffq.DiffQuantizer",
    }
)
"""Classes that a file may name: a string for us, which zoo/adopt looks up in its own table."""

STORAGES = {
    "BFloat16Storage": "bfloat16",
    "BoolStorage": "?",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "ShortStorage": "i2",
}
"""Classes of tensor data in ``torch`` and the numpy type of their elements, always little-endian."""


@dataclass(frozen=True)
class Name:
    """An object that the file names and we know."""

    full: str


@dataclass(frozen=True)
class StorageRef:
    """A piece of tensor data that lies elsewhere in the file: its key, element type and number of elements."""

    key: str
    dtype: str
    size: int


@dataclass(frozen=True)
class TensorRef:
    """A view of a storage: offset, shape and strides in elements, checked to lie within it."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _DType:
    """A numpy type, as files name it for the figures that training left behind."""

    code: str


def check_class(name: str) -> str:
    """``name`` if a checkpoint may name this class. Raises ModelError."""
    if name not in CLASSES:
        raise ModelError(f"names the class {shown(name)}, which is not one that a checkpoint may name")
    return name


def lookup(module: str, name: str) -> Name:
    """The object ``name`` of ``module``. Raises ModelError if it is not in the table."""
    full = f"{module}.{name}"
    known = full in _FUNCTIONS or full in CLASSES or (module == "torch" and name in STORAGES)
    if not known:
        raise ModelError(f"names {shown(full)}, which is not one of the things that a checkpoint may name")
    return Name(full)


def apply(function: object, arguments: object) -> Any:
    """What a known function makes of plain arguments. Raises ModelError."""
    if not isinstance(function, Name) or function.full not in _FUNCTIONS:
        raise ModelError(f"calls {shown(function)}, which is not one of the things that a checkpoint may call")
    if not isinstance(arguments, tuple):
        raise ModelError(f"calls {function.full} with something that is no list of arguments")
    try:
        return _FUNCTIONS[function.full](*arguments)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ModelError(f"calls {function.full} with arguments that make no sense ({reason(error)})") from error


def has_no_state(target: object) -> bool:
    """Whether what the file wants to set on ``target`` can be left out: notes on a dictionary, flags of a type."""
    return isinstance(target, (dict, _DType))


def persistent(parts: object) -> StorageRef | Name:
    """What a persistent id of torch means: tensor data, or a class with its source text, which nobody reads here.

    ("storage", class, key, device, number of elements, ...) or ("module", class, file, source).
    """
    if not isinstance(parts, tuple) or len(parts) not in (4, 5, 6) or not isinstance(parts[1], Name):
        raise ModelError("points to data in a way that torch does not")
    if parts[0] == "module" and len(parts) == 4:
        return Name(check_class(parts[1].full))
    module, _, kind = parts[1].full.rpartition(".")
    if parts[0] != "storage" or module != "torch" or kind not in STORAGES or not isinstance(parts[2], str):
        raise ModelError(f"points to data by {shown(parts)}")
    if len(parts) == 6 and parts[5] is not None:
        raise ModelError("holds views of data, which only files older than any of demucs do")
    return StorageRef(parts[2], STORAGES[kind], _size(parts[4]))


def shown(value: object) -> str:
    """``value`` for a message: short, on one line, without control characters, however large or nested it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = _LONGEST_SHOWN
    try:
        return short.repr(value.full if isinstance(value, Name) else value).replace("\n", " ")
    except ValueError:  # an integer of thousands of digits
        return f"a large {type(value).__name__}"


def reason(error: Exception) -> str:
    """What another library says is wrong, on one line."""
    text = " ".join(str(error).split())[:_LONGEST_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in text) or type(error).__name__


def _size(value: object) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_INTEGER:
        raise ModelError(f"gives {shown(value)} as a size")
    return value


def _ordered_dict(pairs: object = ()) -> dict[Any, Any]:
    if not isinstance(pairs, (tuple, list)) or not all(isinstance(p, (tuple, list)) and len(p) == 2 for p in pairs):
        raise ValueError("not a list of pairs")
    return {check_key(key): value for key, value in pairs}


def check_key(key: object) -> object:
    """``key`` if it is plain. Nested tuples could be nested so that hashing one takes for ever."""
    if key is not None and not isinstance(key, (str, int, float, bytes)):
        raise ModelError(f"uses a {type(key).__name__} as a key of a dictionary")
    return key


def _fraction(numerator: object, denominator: object = 1) -> Fraction:
    # Fraction("1e999999999") would work for hours: only plain digits are taken.
    if isinstance(numerator, str) and denominator == 1:
        parts = re.fullmatch(r"(-?\d{1,18})(?:/(\d{1,18}))?", numerator, re.ASCII)
        if parts is None:
            raise ValueError(f"{shown(numerator)} is not a fraction")
        return Fraction(int(parts[1]), int(parts[2] or 1))
    return Fraction(_size(numerator), _size(denominator))


def _encode(text: object, encoding: object = "utf-8") -> bytes:
    # Pickle protocol 2 writes bytes as text of as many letters.
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("only bytes written as latin1")
    return text.encode("latin-1")


def _dtype(code: object, *_flags: object) -> _DType:
    if code not in {"f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"}:
        raise ValueError(f"type {shown(code)}")
    return _DType(f"<{code}")


def _scalar(dtype: object, data: object) -> int | float | bool:
    if not isinstance(dtype, _DType) or not isinstance(data, bytes):
        raise ValueError("not a number")
    (value,) = np.frombuffer(data, dtype.code).tolist()
    assert isinstance(value, (int, float, bool))
    return value


def _tensor(data: object, offset: object, shape: object, strides: object, *_others: object) -> TensorRef:
    if not isinstance(data, StorageRef) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ValueError("not a tensor")
    sizes, steps, start = tuple(map(_size, shape)), tuple(map(_size, strides)), _size(offset)
    if len(sizes) != len(steps) or len(sizes) > _MOST_AXES:
        raise ValueError(f"{len(sizes)} axes and {len(steps)} strides")
    count = 1
    for size in sizes:
        count *= size
    last = start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    # A stride of zero could make a huge tensor of one number; released files have none.
    if count > data.size or (count and last >= data.size):
        raise ValueError(f"a tensor of shape {sizes} does not lie within {data.size} numbers")
    return TensorRef(data, start, sizes, steps)


def _parameter(data: object, *_others: object) -> TensorRef:
    if not isinstance(data, TensorRef):
        raise ValueError("not a tensor")
    return data


def _set(items: object = ()) -> frozenset[Any]:
    if not isinstance(items, (list, tuple)):
        raise ValueError("not a list")
    return frozenset(check_key(item) for item in items)


def _torch_size(sizes: object) -> tuple[int, ...]:
    if not isinstance(sizes, tuple):
        raise ValueError("not a size")
    return tuple(map(_size, sizes))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "__builtin__.set": _set,
    "_codecs.encode": _encode,
    "builtins.set": _set,
    "collections.OrderedDict": _ordered_dict,
    "fractions.Fraction": _fraction,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.dtype": _dtype,
    "torch.Size": _torch_size,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_tensor_v2": _tensor,
}

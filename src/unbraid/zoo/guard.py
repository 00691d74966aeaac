"""Other people's checkpoints, read as data: whatever a file contains, nothing in it is executed or imported.

    path ---- what it begins with ----> safetensors          guard_safetensors
                                   +--> zip of torch.save    guard_torch, guard_pickle, guard_names
                                   +--> stream of torch.save     "
                                   +--> gzip of either           "

What comes out is one :class:`Package`, whatever the age of the file. To build a net of it is the work of zoo/adopt.
"""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import Name, shown
from unbraid.zoo.guard_safetensors import read_safetensors
from unbraid.zoo.guard_torch import read_torch

_LARGEST_UNPACKED = 4 << 30
_LARGEST_RATIO = 32
"""Limits on what a compressed file unpacks to: bytes, and times its size (8-bit weights as float32 pack fourfold)."""

_LONGEST_LINE = 1 << 20
_GZIP = b"\x1f\x8b"
_HOLDERS = ("state_dict", "state", "model_state_dict")
"""Under what trainers keep the weights, if these are not all of the file."""


@dataclass(frozen=True)
class Package:
    """What a checkpoint holds.

    klass: full name of the net's class as the file gives it, "" if it says nothing. args, kwargs: what it was made
    with. state: name -> weights. quantized: the nested state of a DiffQ file instead, see zoo/diffq. extra: the rest.
    """

    klass: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: dict[str, NDArray[Any]]
    quantized: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Package:
    """The checkpoint in ``path`` (.th, .pt, .ckpt, .safetensors, each possibly .gz; the content decides, not the name).

    Raises ModelError with one line that names the file and what in it is refused.
    """
    try:
        if path.suffix == ".safetensors":
            return _package(read_safetensors(path))
        with path.open("rb") as stream:
            size, head = path.stat().st_size, stream.read(len(_GZIP))
            stream.seek(0)
            if head != _GZIP:
                return _package(read_torch(stream, size))
            with gzip.open(stream) as unpacked:
                limit = _limit(size)
                return _package(read_torch(cast("IO[bytes]", _Capped(unpacked, limit)), limit))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"{path}: refused: it is not gzip data that can be read ({error})") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ModelError as error:
        raise ModelError(f"{path}: refused: it {error}") from error


class _Capped(io.RawIOBase):
    """``stream``, of which no more than ``limit`` bytes can be read, counted from the start."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._stream, self._limit = stream, limit

    def read(self, size: int = -1) -> bytes:
        left = self._limit - self._stream.tell()
        if size < 0 or size > left:
            raise ModelError(f"unpacks to more than {self._limit} bytes")
        return self._stream.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise ModelError("contains an endless line")
        return line

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _limit(size: int) -> int:
    return min(_LARGEST_UNPACKED, _LARGEST_RATIO * size)


def _package(value: Any, inner: bool = False) -> Package:
    """Sort out what torch.save was given: it has changed with the versions of demucs."""
    if isinstance(value, tuple) and len(value) == 4 and isinstance(value[0], Name):
        klass, args, kwargs, state = value  # version 1
        return _with_class(klass, args, kwargs, state, {})
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ModelError(f"holds a {type(value).__name__} where weights were expected")
    rest = dict(value)
    if isinstance(rest.get("klass"), Name) and "state" in rest:  # versions 3 and 4
        klass, args, kwargs = rest.pop("klass"), rest.pop("args", ()), rest.pop("kwargs", {})
        return _with_class(klass, args, kwargs, rest.pop("state"), rest)
    if isinstance(rest.get("compressed"), bytes) and not inner:  # version 2, quantised
        return _package(_inflated(rest["compressed"]), inner=True)
    if "quantized" in rest:
        return Package("", (), {}, {}, rest)
    key = next((key for key in _HOLDERS if isinstance(rest.get(key), dict)), None)
    if key is not None:
        return Package("", (), {}, _arrays(rest.pop(key)), None, rest)
    return Package("", (), {}, _arrays(rest))


def _with_class(klass: Any, args: Any, kwargs: Any, state: Any, extra: dict[str, Any]) -> Package:
    sorted_out = isinstance(klass, Name) and isinstance(args, (list, tuple)) and isinstance(kwargs, dict)
    if not sorted_out or not isinstance(state, dict):
        raise ModelError("holds a class, arguments and weights that are not of the usual types")
    if state.get("__quantized"):
        return Package(klass.full, tuple(args), kwargs, {}, state, extra)
    return Package(klass.full, tuple(args), kwargs, _arrays(state), None, extra)


def _arrays(state: dict[Any, Any]) -> dict[str, NDArray[Any]]:
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise ModelError(f"holds a {type(value).__name__} called {shown(name)} among its weights")
    return state


def _inflated(data: bytes) -> Any:
    """The file of torch.save inside a quantised file of version 2, which is compressed with zlib."""
    limit, inflater = _limit(len(data)), zlib.decompressobj()
    try:
        plain = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise ModelError(f"holds compressed weights that cannot be read ({error})") from error
    if len(plain) > limit:
        raise ModelError(f"unpacks to more than {limit} bytes")
    return read_torch(io.BytesIO(plain), len(plain))

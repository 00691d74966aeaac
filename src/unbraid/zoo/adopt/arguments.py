"""A foreign file's arguments as one of our configs: names by a table, types by the config's own, sizes bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import shown

Config = TypeVar("Config")

_STEM = re.compile(r"[A-Za-z0-9_]{1,39}")
_MOST_STEMS = 32
_LARGEST = 1 << 24
_LIMITS = {
    "audio_channels": 64,
    "blocks": 64,
    "branch_depth": 16,
    "channels": 1 << 14,
    "context": 64,
    "context_encoder": 64,
    "depth": 16,
    "kernel": 1 << 10,
    "layers": 64,
    "lstm_layers": 16,
    "n_fft": 1 << 16,
    "rate": 768_000,
    "repeats": 64,
    "segment": 3600 * 768_000,
    "stride": 1 << 10,
    "wiener_iterations": 64,
}
"""Largest values that are believed; a net of millions of layers would be a trap."""

_MAY_BE_ZERO = frozenset(
    {"band_depth", "bottom_channels", "branch_attention", "branch_lstm", "branch_mode", "context", "context_encoder"}
    | {"layers", "lstm_layers", "norm_starts", "wiener_iterations"}
)


def config_from(kind: type[Config], table: Mapping[str, str], given: Mapping[str, Any], **known: Any) -> Config:
    """A ``kind`` from the arguments ``given`` in a file; ``table`` maps their names, ``known`` overrides them.

    Raises ModelError, whose message continues a sentence that begins with the file's name.
    """
    hints = get_type_hints(kind)
    values = {
        ours: _checked(theirs, ours, hints[ours], given[theirs])
        for theirs, ours in table.items()
        if theirs in given and ours not in known
    }
    assert {field.name for field in fields(kind)} >= values.keys() | known.keys()  # type: ignore[arg-type]  # a dataclass
    return kind(**values, **known)


def seconds(value: object, rate: int) -> int:
    """A length in seconds, as a number or a fraction, in samples; rounded down, as demucs does."""
    exact = isinstance(value, (int, float, Fraction)) and not isinstance(value, bool)
    if not exact or not 0 < value < 3600:  # type: ignore[operator]  # a number, as just checked
        raise ModelError(f"has a segment of {shown(value)} seconds")
    return int(rate * value)  # type: ignore[operator]  # as above


def stem_names(value: object) -> tuple[str, ...]:
    """Names that may become file names."""
    plain = isinstance(value, (list, tuple)) and 0 < len(value) <= _MOST_STEMS
    if not plain or not all(isinstance(name, str) and _STEM.fullmatch(name) for name in value):  # type: ignore[attr-defined]
        raise ModelError(f"has the stems {shown(value)}; they must be names of letters, digits and _")
    assert isinstance(value, (list, tuple))
    if len(set(value)) != len(value):
        raise ModelError(f"names a stem twice: {', '.join(value)}")
    return tuple(value)


def _checked(theirs: str, ours: str, hint: Any, value: Any) -> Any:
    if ours == "stems":
        return stem_names(value)
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and NoneType in kinds:
        return None
    if get_origin(hint) is tuple:
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)) or len(value) > 16:
            raise _wrong(theirs, value)
        return tuple(_number(theirs, item, float) for item in value)
    kind = next(kind for kind in kinds if kind is not NoneType)
    if kind is bool:
        if not isinstance(value, bool):
            raise _wrong(theirs, value)
        return value
    number = _number(theirs, value, kind)
    lowest = 0 if kind is float or ours in _MAY_BE_ZERO else 1
    if not lowest <= number <= _LIMITS.get(ours, _LARGEST):
        raise _wrong(theirs, value)
    return number


def _number(name: str, value: Any, kind: type[Any]) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or abs(value) > 1 << 53:
        raise _wrong(name, value)
    if kind is int and value != int(value):
        raise _wrong(name, value)
    return kind(value)


def _wrong(name: str, value: Any) -> ModelError:
    return ModelError(f"has {name} = {shown(value)}, which makes no net")

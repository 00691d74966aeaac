"""Settings changed by words, as ``--set key=value`` gives them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from unbraid.errors import UsageError

_Settings = TypeVar("_Settings")


def changed(settings: _Settings, changes: Sequence[str]) -> _Settings:
    """``settings``, a dataclass, with ``key=value`` applied; UsageError for a key or a kind of value it has not."""
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}  # type: ignore[arg-type]  # a dataclass
    values: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        key = key.strip()
        if not equals or key not in known:
            raise UsageError(f"--set {change!r}: write key=value; keys are {', '.join(known)}")
        values[key] = _value(text.strip(), known[key], change)
    changed: Any = replace(settings, **values)  # type: ignore[type-var]  # a dataclass
    result: _Settings = changed
    return result


def _value(text: str, usual: object, change: str) -> object:
    """``text`` as the kind of value that ``usual`` is."""
    try:
        given: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        given = text
    if isinstance(usual, tuple) and isinstance(given, list):
        given = tuple(given)
    if isinstance(usual, float) and isinstance(given, int) and not isinstance(given, bool):
        given = float(given)
    if type(given) is not type(usual):
        raise UsageError(f"--set {change!r}: the value must be like {usual!r}")
    return given

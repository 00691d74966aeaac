"""A recipe from one TOML file, with any number of ``key=value`` changes.

A misspelt key or a number out of range is an error that names the key; nothing is silently ignored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unbraid.errors import UsageError
from unbraid.train.recipe import Recipe


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """The recipe in ``path`` with ``changes`` such as "optim.lr=1e-3" applied; UsageError says what is wrong where."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"recipe {path}: {error}") from error
    return parse(raw, changes, str(path))


def parse(raw: dict[str, Any], changes: Sequence[str] = (), source: str = "recipe") -> Recipe:
    """The recipe that the tables ``raw`` describe, with ``changes`` applied."""
    for change in changes:
        _apply(raw, change)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(_told(each["loc"], each["msg"], each["input"]) for each in error.errors())
        raise UsageError(f"{source}: {wrong}") from error


def _told(place: tuple[int | str, ...], message: str, given: object) -> str:
    name = ".".join(map(str, place)) or "recipe"
    return f"{name}: {message}" if isinstance(given, dict) else f"{name}: {message} (given {given!r})"


def _apply(raw: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *tables, last = key.strip().split(".")
    if not equals or not last:
        raise UsageError(f"--set {change!r}: write key=value, such as optim.lr=1e-3")
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {change!r}: {name} is a value, not a table")
    table[last] = _value(text.strip())


def _value(text: str) -> Any:
    """``text`` as TOML, or as a plain string if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

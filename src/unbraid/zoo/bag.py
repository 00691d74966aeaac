"""Bags of models: which checkpoints are averaged, and with what weight for each stem.

Demucs keeps them in small YAML files. Only what such a file needs is read: ``key: value`` lines whose values are
words, numbers, and lists of them, in brackets or with dashes. Tags, anchors, references and the rest of YAML are
refused, so no file can mean more than it seems to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError

_LARGEST = 64 << 10
_TOKEN = re.compile(r"""\s*(?:([\[\],])|"([^"\\]*)"|'([^']*)'|([\w.+-]+))""", re.ASCII)
_SIGNATURE = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Bag:
    """models: signatures of the members. weights: for each member, one number for each stem; None for equal ones.

    segment_s: length in seconds of the chunks, instead of the members' own.
    """

    models: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...] | None = None
    segment_s: float | None = None


def read_bag(path: Path) -> Bag:
    """The bag in a ``.yaml`` file. Raises ModelError with one line that names the file and what is wrong in it."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ModelError(f"is larger than {_LARGEST} bytes")
        return parse_bag(data.decode("utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: refused: it is not text") from error
    except ModelError as error:
        raise ModelError(f"{path}: refused: it {error}") from error


def parse_bag(text: str) -> Bag:
    """The bag in the text of such a file. Raises ModelError, as a sentence that begins with the file's name."""
    values = {key: _value(key, body) for key, body in _entries(text).items()}
    models = values.pop("models", None)
    if not isinstance(models, list) or not models or not all(_is_signature(model) for model in models):
        raise ModelError("has no list of models")
    weights = values.pop("weights", None)
    segment = values.pop("segment", None)
    if values:
        raise ModelError(f"has the key {next(iter(values))!r}; a bag has models, weights and segment")
    segment_s = None if segment is None else _number(segment)
    if segment_s is not None and segment_s <= 0:
        raise ModelError(f"has a segment of {segment} seconds")
    return Bag(tuple(models), None if weights is None else _matrix(weights, len(models)), segment_s)


def _entries(text: str) -> dict[str, str]:
    """Each key at the start of a line, and the text up to the next one."""
    entries: dict[str, str] = {}
    key = None
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        start = re.fullmatch(r"(\w+)\s*:(?:\s+(.*))?", line, re.ASCII)
        if start is not None:
            key = start[1]
            if key in entries:
                raise ModelError(f"has the key {key!r} twice")
            entries[key] = start[2] or ""
        elif key is not None and (line.startswith((" ", "-", "]")) or not line):
            entries[key] += "\n" + line
        elif line and line != "---":
            raise ModelError(f"has the line {line[:60]!r}, which no bag needs")
    return entries


def _value(key: str, body: str) -> Any:
    """A word or a list. A list with dashes is rewritten as one in brackets first."""
    if re.match(r"\s*-\s", body):
        items = [item for item in body.splitlines() if item.strip()]
        if not all(re.match(r"\s*-\s+\S", item) for item in items):
            raise ModelError(f"has {key} that are not a plain list")
        body = "[" + ",".join(re.sub(r"^\s*-\s+", "", item) for item in items) + "]"
    tokens = _tokens(key, body)
    value, rest = _parse(key, tokens)
    if rest:
        raise ModelError(f"has something behind the value of {key}")
    return value


def _tokens(key: str, body: str) -> list[str]:
    tokens, position = [], 0
    body = body.rstrip()
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None:
            raise ModelError(f"has {body[position : position + 40].strip()!r} in {key}, which no bag needs")
        tokens.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    return tokens


def _parse(key: str, tokens: list[str], depth: int = 0) -> tuple[Any, list[str]]:
    if not tokens or tokens[0] in ("]", ",") or depth > 2:
        raise ModelError(f"has {key} that are not a plain list")
    if tokens[0] != "[":
        return tokens[0], tokens[1:]
    items, tokens = [], tokens[1:]
    while tokens and tokens[0] != "]":
        item, tokens = _parse(key, tokens, depth + 1)
        items.append(item)
        if tokens[:1] == [","]:
            tokens = tokens[1:]
        elif tokens[:1] != ["]"]:
            raise ModelError(f"has {key} that are not a plain list")
    if not tokens:
        raise ModelError(f"has a list of {key} that does not end")
    return items, tokens[1:]


def _is_signature(value: object) -> bool:
    return isinstance(value, str) and _SIGNATURE.fullmatch(value) is not None


def _matrix(rows: object, members: int) -> tuple[tuple[float, ...], ...]:
    if not isinstance(rows, list) or len(rows) != members or not all(isinstance(row, list) for row in rows):
        raise ModelError(f"has weights that are not one list for each of its {members} models")
    matrix = tuple(tuple(_number(value) for value in row) for row in rows)
    if len({len(row) for row in matrix}) != 1 or any(value < 0 for row in matrix for value in row):
        raise ModelError("has lists of weights of different lengths, or negative weights")
    return matrix


def _number(text: object) -> float:
    try:
        value = float(text) if isinstance(text, str) else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ModelError(f"has {text!r} where a number was expected"[:120])
    return value

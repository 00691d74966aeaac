"""The tables of Ultimate Vocal Remover: what it knows of a model's file, by the MD5 of the file's end.

It and audio-separator fetch them and keep them beside the models, or below them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError

NAMES = (
    "mdx_model_data.json",
    "model_data.json",
    "model_data/model_data.json",
    "model_data/model_data_new.json",
)
_END = 10_000 * 1024
"""Bytes of a file's end that its MD5 is of."""

_LARGEST = 4 << 20


def known_as(path: Path) -> str:
    """What the tables call the file in ``path``. Raises ModelError if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END))
            return hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error


def rows(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What each table beside ``path`` says of the file, and the table. Raises ModelError if one cannot be read."""
    tables = [place for name in NAMES if (place := path.parent / name).is_file()]
    if not tables:
        return
    key = known_as(path)
    for table in tables:
        row = _read(table).get(key)
        if isinstance(row, dict):
            yield table, row


def _read(table: Path) -> dict[str, Any]:
    try:
        with table.open("rb") as file:
            data = file.read(_LARGEST + 1)
        value = json.loads(data) if len(data) <= _LARGEST else None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{table}: is not JSON that can be read ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{table}: is not a table of settings")
    return value

"""What was found out about files, kept until they change.

The cache lies beside the data (``DATA/.unbraid``) where that can be written, else in the user's folder for caches, or
wherever the caller says. A file that has another size or time of change than when it was looked at is looked at again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from unbraid.audio.atomic import AtomicFile
from unbraid.errors import OutputError
from unbraid.home import home

HIDDEN = ".unbraid"
_VERSION = 1


def cache_folder(data: Path, given: Path | None = None) -> Path:
    """Where to keep what is made of ``data``; the folder is there when this returns. OutputError if nowhere can be."""
    for folder in [given] if given else [data / HIDDEN, home() / "data" / _named(data)]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error
            continue
        if os.access(folder, os.W_OK):
            return folder
        reason = PermissionError("no permission to write")
    raise OutputError(f"nothing can be kept for {data} ({reason}); name a folder that can be written with --cache")


def stamp(path: Path) -> list[int] | None:
    """What changes when the file does: size and time of change in ns; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


class Cache:
    """Key -> JSON value, each valid as long as its files' stamps stay; :meth:`save` writes what is new."""

    def __init__(self, file: Path) -> None:
        self._file, self._new = file, False
        self._entries: dict[str, list[Any]] = {}
        try:
            raw = json.loads(file.read_text("utf-8"))
            if raw["version"] == _VERSION:
                self._entries = raw["entries"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # none yet, or not ours: everything is looked at again

    def get(self, key: str, stamps: list[Any]) -> Any:
        """The value that was put with the same stamps, or None."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] == stamps else None

    def put(self, key: str, stamps: list[Any], value: Any) -> None:
        self._entries[key] = [stamps, value]
        self._new = True

    def save(self) -> None:
        if not self._new:
            return
        with AtomicFile(self._file) as atomic:
            atomic.file.write(json.dumps({"version": _VERSION, "entries": self._entries}).encode())
        self._new = False


def _named(data: Path) -> str:
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()
    return f"{data.resolve().name}-{digest[:12]}"

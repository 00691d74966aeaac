"""Scores on disk, one JSON file for each song and entrant, so that a killed evaluation goes on where it was.

A file counts only if its key is the present one: the entrant's identity, the song's files (path, size, time), the
words asked for and the version of these figures. It appears under its name when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unbraid.audio.atomic import AtomicFile
from unbraid.evaluate.dataset import Track
from unbraid.evaluate.entrants import Entrant
from unbraid.evaluate.score import Scores

_FORMAT = 1
_LONGEST_SLUG = 60


class Store:
    """The scores below one folder."""

    def __init__(self, folder: Path, words: tuple[str, ...] = ()) -> None:
        self._folder, self._words = folder, words

    def get(self, track: Track, entrant: Entrant) -> Scores | None:
        """What was stored, or None if there is nothing that still holds."""
        try:
            raw: dict[str, Any] = json.loads(self._path(track, entrant).read_text("utf-8"))
            if raw["format"] != _FORMAT or raw["key"] != self._key(track, entrant):
                return None
            return Scores(raw["stems"], raw["asked"], raw["left_out"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent or damaged: it is made again

    def put(self, track: Track, entrant: Entrant, scores: Scores) -> None:
        """Raises OutputError."""
        path = self._path(track, entrant)
        path.parent.mkdir(parents=True, exist_ok=True)
        key = self._key(track, entrant)
        told = {"format": _FORMAT, "song": track.name, "model": entrant.name, "key": key, **asdict(scores)}
        with AtomicFile(path) as atomic:
            atomic.file.write(json.dumps(told, indent=1, allow_nan=False).encode())

    def _path(self, track: Track, entrant: Entrant) -> Path:
        return self._folder / _slug(entrant.name) / f"{_slug(track.name)}.json"

    def _key(self, track: Track, entrant: Entrant) -> str:
        files = [(str(file.path.resolve()), file.stream, *_stamp(file.path)) for file in track.files]
        told = json.dumps([_FORMAT, entrant.identity, self._words, files])
        return hashlib.sha256(told.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)  # reading it will say what is wrong
    return status.st_size, status.st_mtime_ns


def _slug(name: str) -> str:
    """``name`` as a file name on any system; what is changed or cut is made unique by a hash."""
    plain = re.sub(r"[^\w\- ]+", "-", name).strip()[:_LONGEST_SLUG].strip()
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"

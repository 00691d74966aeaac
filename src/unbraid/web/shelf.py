"""Songs on the disk: a folder for each, which says all that must outlive the process.

``ID/song.json`` has the file's name, what was asked, and how it ended; beside it lie ``upload`` and ``stems/``. There
is no other list: what waits is found again by looking, so a desk that was killed goes on where it was, and removing a
folder is all that forgetting takes. An ID is drawn from 128 bits, and who does not know it finds nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from unbraid.errors import OutputError

State = Literal["waiting", "running", "done", "failed"]

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_FACTS, _DRAWN = "song.json", "outlines.json"
_HIDDEN, _GONE = ".new-", ".gone-"


@dataclass(frozen=True)
class Entry:
    """One song. name: of the file, as its owner knows it; never a path here. since: when it came, in Unix time.

    state: "waiting" also while it is worked on. why: it failed. report: what :func:`unbraid.separate_file` said of it.
    """

    id: str
    name: str
    since: float
    asked: tuple[str, ...] = ()
    state: State = "waiting"
    why: str = ""
    report: dict[str, Any] | None = None


class Shelf:
    """The folder of a desk. Raises OutputError where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.iterdir():  # what a killed desk was in the middle of: uploads, songs that were to go
                if path.name.startswith((_HIDDEN, _GONE)) or (
                    _ID.fullmatch(path.name) and not (path / _FACTS).exists()
                ):
                    shutil.rmtree(path, ignore_errors=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot write here ({error.strerror})") from error

    def begin(self) -> tuple[str, Path]:
        """A new ID, and where its upload goes; nobody sees the song before :meth:`keep`."""
        id = secrets.token_urlsafe(16)
        hidden = self._folder / f"{_HIDDEN}{id}"
        try:
            hidden.mkdir(mode=0o700)
        except OSError as error:
            raise OutputError(f"{self._folder}: cannot write here ({error.strerror})") from error
        return id, hidden / "upload"

    def keep(self, id: str, name: str) -> Entry:
        """The upload is whole."""
        entry = Entry(id, name, time.time())
        hidden = self._folder / f"{_HIDDEN}{id}"
        _write(hidden, entry)
        try:
            hidden.rename(self._folder / id)
        except OSError as error:
            raise OutputError(f"{self._folder}: cannot write here ({error.strerror})") from error
        return entry

    def drop(self, id: str) -> None:
        """The upload was given up."""
        shutil.rmtree(self._folder / f"{_HIDDEN}{id}", ignore_errors=True)

    def find(self, id: str) -> Entry | None:
        """The song, if there is one of that ID."""
        if not _ID.fullmatch(id):
            return None
        try:
            raw = json.loads((self._folder / id / _FACTS).read_text("utf-8"))
            return Entry(**{**raw, "id": id, "asked": tuple(raw["asked"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None  # gone, or not written by us

    def change(self, entry: Entry, **facts: Any) -> Entry:
        """``entry`` with other facts, on the disk as well."""
        changed = replace(entry, **facts)
        _write(self._folder / entry.id, changed)
        return changed

    def remove(self, id: str) -> None:
        """Forget the song: at once, then what it takes up."""
        gone = self._folder / f"{_GONE}{id}"
        with contextlib.suppress(OSError):
            (self._folder / id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(self._folder / id, ignore_errors=True)  # what was still being written

    def all(self) -> Iterator[Entry]:
        """Every song, the oldest first."""
        found = [self.find(path.name) for path in self._folder.iterdir() if path.is_dir()]
        yield from sorted((entry for entry in found if entry is not None), key=lambda entry: entry.since)

    def upload(self, id: str) -> Path:
        return self._folder / id / "upload"

    def stems(self, id: str) -> Path:
        return self._folder / id / "stems"

    def outlines(self, id: str) -> dict[str, list[int]]:
        """What was drawn of the song's stems; empty if nothing was."""
        try:
            drawn: dict[str, list[int]] = json.loads((self._folder / id / _DRAWN).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return drawn

    def keep_outlines(self, id: str, drawn: dict[str, list[int]]) -> None:
        _replace(self._folder / id / _DRAWN, drawn)


def _write(folder: Path, entry: Entry) -> None:
    _replace(folder / _FACTS, {key: value for key, value in asdict(entry).items() if key != "id"})


def _replace(path: Path, content: object) -> None:
    partial, folder = path.with_name(f".{path.name}"), path.parent
    try:
        partial.write_text(json.dumps(content), "utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({error.strerror})") from error

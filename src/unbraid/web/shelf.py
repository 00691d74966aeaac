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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unbraid.api.workdir import try_lock
from unbraid.errors import OutputError, UsageError

State = Literal["waiting", "done", "failed"]

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_FACTS, _DRAWN, _LOCK = "song.json", "outlines.json", "lock"
_HIDDEN, _GONE = ".new-", ".old-"


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
    """The folder of a desk, which has it alone; :meth:`close` it.

    Raises OutputError where it cannot be written or read, UsageError if another desk has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("w")
        if not try_lock(self._lock.fileno()):
            self._lock.close()
            raise UsageError(f"{folder}: another desk has it; close that one, or give another folder (--data)")
        with _explained(folder):
            for path in folder.iterdir():
                if _left_over(path):
                    shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        self._lock.close()

    def begin(self) -> tuple[str, Path]:
        """A new ID, and where its upload goes; nobody sees the song before :meth:`keep`."""
        id = secrets.token_urlsafe(16)
        hidden = self.folder / f"{_HIDDEN}{id}"
        with _explained(self.folder):
            hidden.mkdir(mode=0o700)
        return id, hidden / "upload"

    def keep(self, id: str, name: str) -> Entry:
        """The upload is whole."""
        entry = Entry(id, name, time.time())
        hidden = self.folder / f"{_HIDDEN}{id}"
        _replace(hidden / _FACTS, _told(entry))
        with _explained(self.folder):
            hidden.rename(self.folder / id)
        return entry

    def drop(self, id: str) -> None:
        """The upload was given up."""
        shutil.rmtree(self.folder / f"{_HIDDEN}{id}", ignore_errors=True)

    def find(self, id: str) -> Entry | None:
        """The song, if there is one of that ID."""
        if not _ID.fullmatch(id):
            return None
        try:
            raw = json.loads((self.folder / id / _FACTS).read_text("utf-8"))
            return Entry(**{**raw, "id": id, "asked": tuple(raw["asked"])})
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # too many open files, say: the song is there all the same
            raise OutputError(f"{self.folder}: cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError):
            return None  # not written by us

    def write(self, entry: Entry) -> None:
        """Keep what is known of a song."""
        _replace(self.folder / entry.id / _FACTS, _told(entry))

    def remove(self, id: str) -> None:
        """Forget the song: at once, then what it takes up."""
        gone = self.folder / f"{_GONE}{id}"
        with contextlib.suppress(OSError):
            (self.folder / id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(self.folder / id, ignore_errors=True)  # what was still being written

    def all(self) -> Iterator[Entry]:
        """Every song, the oldest first."""
        found = [self.find(path.name) for path in self.folder.iterdir() if path.is_dir()]
        yield from sorted((entry for entry in found if entry is not None), key=lambda entry: entry.since)

    def upload(self, id: str) -> Path:
        return self.folder / id / "upload"

    def stems(self, id: str) -> Path:
        return self.folder / id / "stems"

    def outlines(self, id: str) -> dict[str, list[int]]:
        """What was drawn of the song's stems; empty if nothing was."""
        try:
            drawn: dict[str, list[int]] = json.loads((self.folder / id / _DRAWN).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return drawn

    def keep_outlines(self, id: str, drawn: dict[str, list[int]]) -> None:
        _replace(self.folder / id / _DRAWN, drawn)


def _left_over(path: Path) -> bool:
    """Whether a killed desk was in the middle of it: an upload, or a song that was to go. Nothing else is touched."""
    if path.name.startswith((_HIDDEN, _GONE)):
        return _ID.fullmatch(path.name[len(_HIDDEN) :]) is not None
    if not _ID.fullmatch(path.name) or not path.is_dir():
        return False
    return {each.name for each in path.iterdir()} <= {"stems", _DRAWN, f".{_DRAWN}"}


def _told(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key != "id"}


def _replace(path: Path, content: object) -> None:
    partial = path.with_name(f".{path.name}")
    with _explained(path.parent):
        partial.write_text(json.dumps(content), "utf-8")
        partial.replace(path)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({error.strerror})") from error

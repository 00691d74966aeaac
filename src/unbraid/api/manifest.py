"""``unbraid.json``: what was done to a song, beside its stems; a second run with the same key has nothing to do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unbraid import __version__
from unbraid.api.options import Options
from unbraid.errors import AudioError

FORMAT = 1
NAME = "unbraid.json"


@dataclass(frozen=True)
class FileReport:
    """One written file. peak_dbfs and lufs are None for silence, which has neither.

    query, route, presence: of an asked sound its text, how it was answered, and how likely it is there, 0 to 1.
    """

    file: str
    peak_dbfs: float | None
    lufs: float | None
    bytes: int
    query: str | None = None
    route: dict[str, Any] | None = None
    presence: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The last three only where there is a query."""
        asked = ("query", "route", "presence")
        return {key: value for key, value in asdict(self).items() if self.query is not None or key not in asked}


@dataclass(frozen=True)
class Report:
    """What became of one song.

    seconds: length of what was taken apart. took_s: how long that took. residual_db: energy of the mix minus the
    written stems, relative to the mix; None if it is exactly zero. gain_db: applied to all files alike.
    """

    song: str
    model: str
    seconds: float
    took_s: float
    residual_db: float | None
    gain_db: float
    runtime: str
    stems: dict[str, FileReport]
    warnings: list[str] = field(default_factory=list)
    skipped: bool = False

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "stems": {name: entry.as_json() for name, entry in self.stems.items()}}


def key_of(song: Path, identity: str, options: Options) -> str:
    """A hash of all that decides the result: the bytes of song and clips, the weights, the options, our version."""
    heard = [_digest(path) for path in (song, *map(Path, options.ask_like))]
    decisive = [FORMAT, __version__, heard, identity, options.as_json()]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise AudioError(f"{path}: is no file, but a folder, a pipe or a device")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror})") from error


def finished(folder: Path, manifest: Path, key: str) -> Report | None:
    """The report of an earlier run with the same ``key`` whose files are all still there, else None."""
    try:
        raw = json.loads(manifest.read_text("utf-8"))
        if raw["format"] != FORMAT or raw["key"] != key:
            return None
        stems = {name: FileReport(**entry) for name, entry in raw["report"].pop("stems").items()}
        if any((folder / entry.file).stat().st_size != entry.bytes for entry in stems.values()):
            return None
        return Report(**{**raw["report"], "stems": stems, "skipped": True})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # missing, or not written by us: the song is simply done again


def manifest_text(key: str, options: Options, report: Report) -> str:
    """The text of the file; file names in it are relative to the output folder."""
    content = {
        "format": FORMAT,
        "unbraid": __version__,
        "key": key,
        "options": options.as_json(),
        "report": report.as_json(),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

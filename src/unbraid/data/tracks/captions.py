"""Single sounds with a sentence each, as AudioSep trains on: a table of file and caption.

JSON as AudioSep has it, ``{"data": [{"wav": "dog.wav", "caption": "a dog barks"}]}``, or CSV with a first line that
names the columns ``file`` (or ``wav``) and ``caption``. Paths are from the table's folder.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unbraid.data.cache import Cache, cache_folder
from unbraid.data.tracks.find import OnBroken
from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile
from unbraid.data.tracks.prepare import prepare
from unbraid.data.tracks.song import Part
from unbraid.errors import AudioError, UsageError

_FILE, _CAPTION = ("file", "wav", "path", "audio"), "caption"


@dataclass(frozen=True)
class Clip:
    """A prepared sound of ``samples`` samples; read it with read_part."""

    part: Part
    caption: str
    samples: int


def clips(
    table: Path, rate: int, on_broken: OnBroken | None = None, cache: Path | None = None, shortest_s: float = 1.0
) -> list[Clip]:
    """The sounds of ``table`` at ``rate`` Hz, converted once; those shorter than ``shortest_s`` are left out.

    A broken sound raises AudioError, or is told to ``on_broken``.
    """
    folder = cache_folder(table.parent, cache)
    facts, found = Cache(folder / "facts.json"), []
    for path, caption in read_captions(table):
        parts = (FoundPart(SoundFile(path), frozenset(["sound"]), "sound"),)
        try:
            song = prepare(FoundSong(path.stem, "clip", path, parts), folder / "clips", facts, rate)
        except AudioError as error:
            if on_broken is None:
                facts.save()
                raise
            on_broken(error)
            continue
        if song.seconds >= shortest_s:
            found.append(Clip(song.parts[0], caption, song.samples))
    facts.save()
    return found


def read_captions(table: Path) -> list[tuple[Path, str]]:
    """File and caption of every row; UsageError says what is wrong with the table, and where."""
    try:
        text = table.read_text("utf-8")
        rows: list[Any] = (
            list(csv.DictReader(text.splitlines())) if table.suffix == ".csv" else json.loads(text)["data"]
        )
        pairs = [_pair(table, number, row) for number, row in enumerate(rows, start=1)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{table}: is no table of captions ({error!r}); see docs/data.md") from error
    if not pairs:
        raise UsageError(f"{table}: has no rows")
    return pairs


def _pair(table: Path, number: int, row: dict[str, str]) -> tuple[Path, str]:
    file = next((row[key] for key in _FILE if row.get(key)), None)
    caption = (row.get(_CAPTION) or "").strip()
    if file is None or not caption:
        raise UsageError(f"{table}: row {number} has no {'caption' if file else 'file'}")
    return table.parent / file, caption

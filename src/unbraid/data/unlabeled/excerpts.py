"""A table of excerpts in which a source is silent, found song by song and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unbraid.audio.atomic import AtomicFile
from unbraid.data.tracks.found import SoundFile, is_sound
from unbraid.data.tracks.prepare import RATE, load
from unbraid.data.unlabeled.by_separator import Judge
from unbraid.data.unlabeled.detector import seconds_db
from unbraid.data.unlabeled.settings import Settings
from unbraid.errors import AudioError, UsageError

_FORMAT = 1


@dataclass(frozen=True)
class Excerpt:
    """``file`` from ``start_s`` to ``end_s``, where ``absent`` is silent and nothing else is known."""

    file: str
    start_s: float
    end_s: float
    absent: str


def find_excerpts(
    folder: Path, judge: Judge, settings: Settings, on_song: Callable[[str, str], None] | None = None
) -> list[Excerpt]:
    """Excerpts of all sound files below ``folder``. on_song: told a file and what was found, or why it was left out."""
    files = sorted(path for path in folder.rglob("*") if is_sound(path))
    if not files:
        raise UsageError(f"{folder} holds no sound files; give a folder of songs without stems")
    found: list[Excerpt] = []
    for path in files:
        try:
            wave = load(SoundFile(path), RATE)
        except AudioError as error:
            told = f"left out: {error}"
        else:
            sounds = seconds_db(wave, RATE) > settings.silent_db
            mine = list(excerpts_of(str(path.absolute()), judge(wave, RATE), sounds.tolist(), settings))
            found += mine
            told = ", ".join(f"{_total(mine, stem):.0f} s without {stem}" for stem in settings.stems)
        if on_song is not None:
            on_song(str(path), told)
    return found


def excerpts_of(
    file: str, absent: Mapping[str, Sequence[bool]], sounds: Sequence[bool], settings: Settings
) -> Iterator[Excerpt]:
    """Runs of seconds in which a stem is silent and the mixture is not, trimmed, cut, and those that are left."""
    for stem in settings.stems:
        rows = [gone and heard for gone, heard in zip(absent[stem], sounds, strict=False)]
        for first, last in _runs(rows):
            start_s, end_s = first + settings.margin_s, last - settings.margin_s
            while end_s - start_s >= settings.shortest_s:
                cut_s = min(start_s + settings.longest_s, end_s)
                yield Excerpt(file, start_s, cut_s, stem)
                start_s = cut_s


def save(excerpts: Sequence[Excerpt], settings: Settings, path: Path) -> None:
    """Write the table; OutputError if it cannot be."""
    rows = [asdict(each) for each in excerpts]
    text = json.dumps({"format": _FORMAT, "settings": asdict(settings), "excerpts": rows}, indent=1)
    with AtomicFile(path) as atomic:
        atomic.file.write(text.encode() + b"\n")


def read(path: Path) -> list[Excerpt]:
    """The table in ``path``; UsageError says what is wrong with it."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        if raw["format"] != _FORMAT:
            raise UsageError(f"{path}: has format {raw['format']}; this version reads {_FORMAT}")
        return [
            Excerpt(str(row["file"]), float(row["start_s"]), float(row["end_s"]), str(row["absent"]))
            for row in raw["excerpts"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path}: is no table of excerpts ({error!r}); `unbraid data absent` writes one") from error


def _runs(rows: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and one past the last of each run of True."""
    first: int | None = None
    for index, each in enumerate([*rows, False]):
        if each and first is None:
            first = index
        elif not each and first is not None:
            yield first, index
            first = None


def _total(excerpts: Sequence[Excerpt], stem: str) -> float:
    return sum(each.end_s - each.start_s for each in excerpts if each.absent == stem)

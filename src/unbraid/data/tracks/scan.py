"""A folder -> the songs of one split, as training reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from unbraid.data.tracks.find import SPLITS, OnBroken, set_aside
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.data.tracks.prepare import prepared
from unbraid.data.tracks.song import Song, read_song
from unbraid.errors import AudioError


def scan(
    root: Path, split: str, on_broken: OnBroken | None = None, naming: Naming = USUAL, cache: Path | None = None
) -> list[Song]:
    """All songs of ``root``'s split ("train", "valid", "test"), by name.

    Folders with a song.json are read as they are; a studio may still be adding to them, and unfinished songs are hidden
    folders. Where there is none in any split, other layouts are looked for and prepared, see
    :func:`~unbraid.data.tracks.prepare.prepared`. Either way songs are set aside if there are none for validation. A
    broken song raises AudioError, or is left out and told to ``on_broken``.
    """
    described = {each: list(_described(root / name for name in names)) for each, names in SPLITS.items()}
    if not any(described.values()) and root.is_dir():
        return prepared(root, split, on_broken, naming, cache)
    if not described["valid"]:
        train = described["train"]
        held = set_aside([folder.name for folder in train])
        described["train"] = [folder for folder in train if folder.name not in held]
        described["valid"] = [folder for folder in train if folder.name in held]
    return list(_read(described[split], on_broken))


def songs_in(folder: Path) -> list[Song]:
    """The songs with a song.json in ``folder`` itself, by name. Raises AudioError for a broken one."""
    return list(_read(_described([folder]), None))


def _described(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            songs = (entry for entry in sorted(place.iterdir()) if not entry.name.startswith(".") and entry.is_dir())
            yield from (folder for folder in songs if (folder / "song.json").is_file())


def _read(folders: Iterable[Path], on_broken: OnBroken | None) -> Iterator[Song]:
    for folder in folders:
        try:
            yield read_song(folder)
        except AudioError as error:
            if on_broken is None:
                raise
            on_broken(error)

"""A folder -> the songs of one split, as training reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unbraid.data.tracks.find import SPLITS, OnBroken
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
    :func:`~unbraid.data.tracks.prepare.prepared`. A broken song raises AudioError, or is left out and told to
    ``on_broken``.
    """
    if any(True for each in SPLITS for _ in _described(root / each)) or not root.is_dir():
        return list(_read(root / split, on_broken))
    return prepared(root, split, on_broken, naming, cache)


def _described(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        return
    songs = (entry for entry in sorted(place.iterdir()) if not entry.name.startswith(".") and entry.is_dir())
    yield from (folder for folder in songs if (folder / "song.json").is_file())


def _read(place: Path, on_broken: OnBroken | None) -> Iterator[Song]:
    for folder in _described(place):
        try:
            yield read_song(folder)
        except AudioError as error:
            if on_broken is None:
                raise
            on_broken(error)

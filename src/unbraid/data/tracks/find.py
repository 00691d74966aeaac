"""The songs below a folder, whatever their layout, and to which split each belongs.

Where there are folders train/, valid/ (or validation/, val/) and test/, these are the splits. Where nothing is set
aside for validation, MUSDB18's own fourteen songs are, or else about a tenth of the training songs, and one at least,
by a hash of their names, so that a song stays on its side when others come or go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from unbraid.data.tracks import moises, musdb, slakh
from unbraid.data.tracks.folders import stem_folder, studio_folder
from unbraid.data.tracks.found import FoundSong
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.errors import AudioError, UsageError

SPLITS = {"train": ("train",), "valid": ("valid", "validation", "val"), "test": ("test",)}
VALID_SHARE = 0.1
_ANSWERS = ("separated",)  # where `unbraid separate` writes: stems, but none that are true
_DEPTH = 3  # MoisesDB: moisesdb_v0.1/PROVIDER/SONG

OnBroken = Callable[[AudioError], None]


def find_songs(root: Path, naming: Naming = USUAL, on_broken: OnBroken | None = None) -> dict[str, list[FoundSong]]:
    """Split -> songs, by name. Nothing is decoded. UsageError if ``root`` is no folder; AudioError for a song whose
    description is broken, unless ``on_broken`` is to hear of it."""
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder; give one with songs whose stems are known")
    found: dict[str, list[FoundSong]] = {split: [] for split in SPLITS}
    folders = {split: [root / name for name in names if (root / name).is_dir()] for split, names in SPLITS.items()}
    if not any(folders.values()):
        folders["train"] = [root]
    for split, places in folders.items():
        found[split] = [song for place in places for song in songs_below(place, naming, on_broken)]
    if not found["valid"]:
        _set_aside(found)
    return found


def songs_below(place: Path, naming: Naming, on_broken: OnBroken | None, depth: int = _DEPTH) -> Iterator[FoundSong]:
    """The songs in ``place``, or ``place`` itself if it is one, looking at most ``depth`` folders deep."""
    try:
        song, entries = _looked_at(place, naming)
    except AudioError as error:
        if on_broken is None:
            raise
        on_broken(error)
        return
    if song is not None:
        yield song
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _ANSWERS:
            continue
        if entry.is_dir() and depth > 0:
            yield from songs_below(entry, naming, on_broken, depth - 1)
        elif entry.name.endswith(musdb.SUFFIX):
            yield musdb.stem_file(entry)


def _looked_at(place: Path, naming: Naming) -> tuple[FoundSong | None, list[Path]]:
    """The song that ``place`` is, and what is in it. Raises AudioError for a broken song, or a closed folder."""
    try:
        return song_in(place, naming), sorted(place.iterdir())
    except OSError as error:
        raise AudioError(f"{place}: cannot be looked at ({error.strerror})") from error


def song_in(folder: Path, naming: Naming) -> FoundSong | None:
    """The song that ``folder`` itself is, if it is one."""
    song = None
    if (folder / "song.json").is_file():
        return studio_folder(folder)
    if (folder / moises.MARK).is_file():
        song = moises.moises_folder(folder, naming)
    if song is None and (folder / slakh.MARK).is_file():
        song = slakh.slakh_folder(folder)
    return song or stem_folder(folder, naming)


def _set_aside(found: dict[str, list[FoundSong]]) -> None:
    """Move songs from train to valid."""
    train, held = found["train"], set_aside([song.name for song in found["train"]])
    found["train"] = [song for song in train if song.name not in held]
    found["valid"] = [song for song in train if song.name in held]


def set_aside(names: Sequence[str]) -> set[str]:
    """Those of the training songs ``names`` that are for validation where no others are."""
    held = {name for name in names if name in musdb.VALID}
    if held or len(names) < 2:
        return held
    return {name for name in names if _place(name) < VALID_SHARE} or {min(names, key=_place)}


def _place(name: str) -> float:
    """Where a song's name falls between 0 and 1."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

"""A folder per song with a file for each stem, by name: MUSDB18-HQ, and what most people have."""

from __future__ import annotations

from pathlib import Path

from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile, is_sound
from unbraid.data.tracks.naming import MIXTURE, Naming
from unbraid.data.tracks.song import read_song

_WHOLE = ("vocals", "drums", "bass")


def stem_folder(folder: Path, naming: Naming) -> FoundSong | None:
    """The song in ``folder``; None if no file in it is named like a stem. Several files of one stem are its parts.

    What would be heard twice is passed over: of files that differ in their suffix alone all but the first, and what
    :func:`_once` says.
    """
    parts: list[FoundPart] = []
    unknown: list[Path] = []
    mixture = None
    files = {path.stem.lower(): path for path in sorted(filter(is_sound, folder.iterdir()), reverse=True)}
    for path in sorted(files.values()):
        stems = naming.stems_of(path.stem)
        if stems is None:
            unknown.append(path)
        elif stems == MIXTURE:
            mixture = mixture or SoundFile(path)
        else:
            parts.append(FoundPart(SoundFile(path), stems, path.stem.lower()))
    kept = _once(parts)
    unknown += [part.file.path for part in parts if part not in kept]
    if not kept:
        return None
    return FoundSong(folder.name, "folder", folder, tuple(kept), mixture, unknown=tuple(unknown))


def _once(parts: list[FoundPart]) -> list[FoundPart]:
    """Without those that are in others.

    A file of several stems (accompaniment.wav) gives way where one of them has a file of its own. vocals.wav, drums.wav
    and bass.wav are whole stems by all conventions, so others of that stem (kick.wav) give way to them; other.wav,
    beside guitar.wav, is what remains.
    """
    alone = frozenset[str]().union(*(part.stems for part in parts if len(part.stems) == 1))
    whole = {part.label for part in parts if part.label in _WHOLE and part.stems == {part.label}}
    kept = [part for part in parts if len(part.stems) == 1 or not part.stems & alone]
    return [part for part in kept if part.label in whole or not part.stems & whole]


def studio_folder(folder: Path) -> FoundSong:
    """A song that has a song.json, as the studio and automix write them; AudioError if that is broken."""
    song = read_song(folder)
    parts = tuple(FoundPart(SoundFile(part.path), part.stems, part.label, part.words) for part in song.parts)
    everything = frozenset(("vocals", "drums", "bass", "other"))
    return FoundSong(folder.name, "studio", folder, parts, lacks=everything)

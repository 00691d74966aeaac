"""A folder per song with a file for each stem, by name: MUSDB18-HQ, and what most people have."""

from __future__ import annotations

from pathlib import Path

from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile, is_sound
from unbraid.data.tracks.naming import MIXTURE, Naming
from unbraid.data.tracks.song import read_song


def stem_folder(folder: Path, naming: Naming) -> FoundSong | None:
    """The song in ``folder``; None if no file in it is named like a stem. Several files of one stem are its parts.

    A file of several stems (accompaniment.wav) is passed over where one of them has a file of its own, or it would be
    heard twice.
    """
    parts: list[FoundPart] = []
    unknown: list[Path] = []
    mixture = None
    for path in sorted(filter(is_sound, folder.iterdir())):
        stems = naming.stems_of(path.stem)
        if stems is None:
            unknown.append(path)
        elif stems == MIXTURE:
            mixture = mixture or SoundFile(path)
        else:
            parts.append(FoundPart(SoundFile(path), stems, path.stem.lower()))
    alone = frozenset[str]().union(*(part.stems for part in parts if len(part.stems) == 1))
    parts = [part for part in parts if len(part.stems) == 1 or not part.stems & alone]
    if not parts:
        return None
    return FoundSong(folder.name, "folder", folder, tuple(parts), mixture, unknown=tuple(unknown))


def studio_folder(folder: Path) -> FoundSong:
    """A song that has a song.json, as the studio and automix write them; AudioError if that is broken."""
    song = read_song(folder)
    parts = tuple(FoundPart(SoundFile(part.path), part.stems, part.label, part.words) for part in song.parts)
    everything = frozenset(("vocals", "drums", "bass", "other"))
    return FoundSong(folder.name, "studio", folder, parts, lacks=everything)

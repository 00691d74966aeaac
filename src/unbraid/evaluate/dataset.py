"""A folder becomes a list of songs with known stems, in any of the layouts that training reads.

They are those of :mod:`unbraid.data.tracks`: MUSDB18, MUSDB18-HQ and any folder per song, MoisesDB, Slakh,
and the studio's. ``test/`` is taken where there is one, else DATA itself; DATA may also be one song. A song of which no
stem is known to sound (the studio's recordings of whole bands) has nothing to be measured and is passed over. Nothing
is decoded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.data.tracks.find import SPLITS, songs_below
from unbraid.data.tracks.found import STEMS, FoundPart, FoundSong, SoundFile
from unbraid.data.tracks.naming import USUAL
from unbraid.errors import UsageError

FINER_STEMS = ("guitar", "piano")
"""Stems that are a part of other where nobody tells them apart."""

_BY_STEM = ("folder", "musdb18")
"""Layouts whose labels are names of stems, not of sounds."""


@dataclass(frozen=True)
class Track:
    """A song with known stems.

    mixture: None where it is the sum of ``everything``. stems: name -> files whose sum it is, no file for a stem that
    is known to be silent. everything: all files that sound. sounds: a plain word ("snare") -> files whose sum it is.
    """

    name: str
    mixture: SoundFile | None
    stems: Mapping[str, tuple[SoundFile, ...]]
    everything: tuple[SoundFile, ...]
    sounds: Mapping[str, tuple[SoundFile, ...]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The usual stems that nobody knows of this song."""
        return tuple(stem for stem in STEMS if stem not in self.stems)

    @property
    def files(self) -> tuple[SoundFile, ...]:
        return ((self.mixture,) if self.mixture else ()) + self.everything


def find_tracks(data: Path) -> list[Track]:
    """The songs in ``data``, at most three folders deep.

    Raises UsageError if there is none, or if there are splits but no test; AudioError for a broken description.
    """
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder; give one with songs whose stems are known")
    root = data / "test" if (data / "test").is_dir() else data
    others = [name for names in SPLITS.values() for name in names if (data / name).is_dir()]
    if root == data and others:
        raise UsageError(f"{data} has no test, but {', '.join(others)}; say which is meant: {data / others[-1]}")
    songs = list(songs_below(root, USUAL, None))
    found = [track for track in map(_track, songs, _names(songs, root)) if any(track.stems.values())]
    if not found:
        raise UsageError(
            f"{data} holds no songs with known stems; give MUSDB18 (*.stem.mp4), MoisesDB, Slakh, a folder with one "
            f"folder a song (mixture.wav, {', '.join(f'{stem}.wav' for stem in STEMS)}), or what `unbraid studio` made"
        )
    return found


def _names(songs: Sequence[FoundSong], root: Path) -> list[str]:
    """A name for each, longer by its folders where several have the same."""
    often = Counter(song.name for song in songs)
    longer = (" - ".join(song.folder.relative_to(root).parts) for song in songs)
    return [song.name if often[song.name] == 1 else name for song, name in zip(songs, longer, strict=True)]


def _track(song: FoundSong, name: str) -> Track:
    """A part of several stems hides each of them: only stems that no such part touches are known."""
    hidden = frozenset[str]().union(*(part.stems for part in song.parts if len(part.stems) > 1))
    stems: dict[str, tuple[SoundFile, ...]] = {stem: () for stem in STEMS if stem in song.lacks}
    sounds: dict[str, tuple[SoundFile, ...]] = {}
    for part in song.parts:
        if len(part.stems) == 1:
            stem = _stem(song, part)
            stems[stem] = (*stems.get(stem, ()), part.file)
            if song.kind not in _BY_STEM:
                sounds[part.label] = (*sounds.get(part.label, ()), part.file)
    known = {stem: stems[stem] for stem in (*STEMS, *FINER_STEMS) if stem in stems and stem not in hidden}
    return Track(name, song.mixture, known, tuple(part.file for part in song.parts), sounds)


def _stem(song: FoundSong, part: FoundPart) -> str:
    """The stem of a part that has one, the finer one where the layout tells guitars and pianos apart."""
    (stem,) = part.stems
    if song.kind == "folder":
        return next((finer for finer in FINER_STEMS if part.label.startswith(finer)), stem)
    told = () if song.kind == "studio" else part.words
    return next((finer for finer in FINER_STEMS if finer in told), stem)

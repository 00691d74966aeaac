"""A folder becomes a list of songs with known stems, in any of the layouts that people have.

- MUSDB18: ``DATA/test/*.stem.mp4``, five streams in each: mixture, drums, bass, other, vocals;
- MUSDB18-HQ and any folder per song: ``DATA/test/SONG/mixture.wav``, ``vocals.wav``, ... (any audio format);
- the studio's: ``DATA/test/SONG/song.json`` with a file for each part.

``test/`` is taken where there is one, else DATA itself; DATA may also be one song. A song of which no stem is known to
sound (the studio's recordings of whole bands) has nothing to be measured and is passed over. Nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.data.tracks import read_song
from unbraid.data.tracks.found import STEMS, SoundFile, is_sound
from unbraid.data.tracks.musdb import SUFFIX, streams_of
from unbraid.errors import UsageError

FINER_STEMS = ("guitar", "piano")
"""Stems that are a part of other where nobody tells them apart."""


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
    """The songs in ``data``, by name. Raises UsageError if there is none, AudioError for a broken song.json."""
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder; give one with songs whose stems are known")
    root = data / "test" if (data / "test").is_dir() else data
    tracks = [_song_in(root)] if _song_in(root) else list(_songs_below(root))
    found = [track for track in tracks if track is not None and any(track.stems.values())]
    if not found:
        raise UsageError(
            f"{data} holds no songs with known stems; give MUSDB18 (*.stem.mp4), or a folder with one folder a song "
            f"(mixture.wav, {', '.join(f'{stem}.wav' for stem in STEMS)}), or what `unbraid studio` made"
        )
    return found


def _songs_below(root: Path) -> Iterator[Track | None]:
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield _song_in(entry)
        elif entry.name.endswith(SUFFIX):
            yield _stem_file(entry)


def _song_in(folder: Path) -> Track | None:
    return _studio_song(folder) if (folder / "song.json").is_file() else _stem_folder(folder)


def _stem_file(path: Path) -> Track:
    streams = streams_of(path)
    stems = {stem: (streams[stem],) for stem in STEMS}
    return Track(path.name.removesuffix(SUFFIX), streams["mixture"], stems, tuple(streams[stem] for stem in STEMS))


def _stem_folder(folder: Path) -> Track | None:
    files = {entry.stem.lower(): SoundFile(entry) for entry in sorted(folder.iterdir()) if is_sound(entry)}
    stems = {stem: (files[stem],) for stem in (*STEMS, *FINER_STEMS) if stem in files}
    if not stems:
        return None
    return Track(folder.name, files.get("mixture"), stems, tuple(files[stem] for stem in stems))


def _studio_song(folder: Path) -> Track:
    """A part of several stems hides each of them: only stems that no such part touches are known."""
    parts = read_song(folder).parts
    hidden = frozenset[str]().union(*(part.stems for part in parts if len(part.stems) > 1))
    stems: dict[str, tuple[SoundFile, ...]] = {stem: () for stem in STEMS if stem not in hidden}
    sounds: dict[str, tuple[SoundFile, ...]] = {}
    for part in parts:
        file = SoundFile(part.path)
        for stem in part.stems & stems.keys():
            stems[stem] = (*stems[stem], file)
        if len(part.stems) == 1:
            sounds[part.label] = (*sounds.get(part.label, ()), file)
    return Track(folder.name, None, stems, tuple(SoundFile(part.path) for part in parts), sounds)

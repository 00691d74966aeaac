"""What a song is before it is read: files, and which stem each belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEMS = ("vocals", "drums", "bass", "other")
SOUND_SUFFIXES = frozenset((".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".w64", ".caf"))


@dataclass(frozen=True, order=True)
class SoundFile:
    """A file, or one audio stream of a file that holds several."""

    path: Path
    stream: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.stream is None else f"{self.path} stream {self.stream}"


@dataclass(frozen=True)
class FoundPart:
    """A file of one stem, or of a sum of ``stems``; ``label`` and ``words`` say what it is in plain words."""

    file: SoundFile
    stems: frozenset[str]
    label: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundSong:
    """A song of any layout, nothing of it read yet.

    kind: the layout's name. parts: their sum is the song. mixture: the song as one file, where there is one.
    lacks: stems that songs of this layout never have, so that they are not missing. uneven: parts may end before
    the song does, as those of MoisesDB do. unknown: sound files that are passed over.
    """

    name: str
    kind: str
    folder: Path
    parts: tuple[FoundPart, ...]
    mixture: SoundFile | None = None
    lacks: frozenset[str] = frozenset()
    uneven: bool = False
    unknown: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[SoundFile, ...]:
        return ((self.mixture,) if self.mixture else ()) + tuple(part.file for part in self.parts)

    def missing(self, stems: tuple[str, ...] = STEMS) -> tuple[str, ...]:
        """Those of ``stems`` that no part belongs to and that are not known to be silent."""
        there = frozenset[str]().union(*(part.stems for part in self.parts)) | self.lacks
        return tuple(stem for stem in stems if stem not in there)


def is_sound(path: Path) -> bool:
    return path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith(".") and path.is_file()

"""Which recordings of real music the studio takes from packages, under which licence, and which ones it leaves out.

Left out are tracks in which a voice, a choir or something near it was seen on the spectrogram or is named by the
composer: a "known to have no voice" example must be true. Debian package names; licences as their copyright files say.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Opened = Path | io.BytesIO


@dataclass(frozen=True)
class Album:
    """One package of voiceless music.

    ``pattern`` globs below the package's folder; a ``.pk3`` is a zip of tracks. ``voiced`` are the tracks left out.
    ``licences`` are (beginning of a track's name, licence) where it is not the album's.
    """

    package: str
    pattern: str
    licence: str
    style: str
    voiced: frozenset[str] = frozenset()
    licences: tuple[tuple[str, str], ...] = ()

    def licence_of(self, track: str) -> str:
        return next((licence for start, licence in self.licences if track.startswith(start)), self.licence)


@dataclass(frozen=True)
class Recording:
    """One track: ``slug`` is its name in file names, ``opened`` what soundfile reads."""

    slug: str
    opened: Opened


ALBUMS = (
    Album(
        "nexuiz-music",
        "**/*.pk3",
        "GPL-2.0-or-later",
        "electronic",
        frozenset({"calling-bogus", "neuronal-diving", "thunder"}),
    ),
    Album("singularity-music", "**/music/**/*.ogg", "CC-BY-SA-3.0", "electronic"),
    Album("hyperrogue-music", "**/music/*.ogg", "GPL-2.0-or-later", "folk and fusion"),
    Album("planetblupi-music-ogg", "**/music/*.ogg", "GPL-3.0-or-later", "pop"),
    Album(
        "warzone2100-music",
        "**/*.opus",
        "GPL-2.0-or-later",
        "electronic",
        frozenset(
            {
                "aftermath-soundtrack-track19",  # radio voices
                "aftermath-soundtrack-menu-enhanced",
                "legacy-soundtrack-track5",
                "legacy-soundtrack-track6",
                "menu",
                "original-soundtrack-track1",
            }
        ),
    ),
    Album(
        "wesnoth-1.16-music",
        "**/music/*.ogg",
        "GPL-2.0-or-later",
        "orchestral",
        frozenset(
            {
                "battle-epic",  # these have, or may have, a choir
                "elf-land",
                "knalgan-theme",
                "legends-of-the-north",
                "northerners",
                "nunc-dimittis",
                "revelation",
                "the-city-falls",
                "transience",
                "underground",
                "vengeful",
                "weight-of-revenge",
                "silence",
            }
        ),
    ),
    Album(
        "ufoai-music",
        "**/*.pk3",
        "GPL-2.0-or-later",
        "film and electronic",
        frozenset(
            {
                "albasrahm",  # voices, radio, or gliding sounds that may be voices
                "alexfightmare",
                "crystan-introsad",
                "dynamictest-normal-08-35sec",
                "greecei",
                "marine01",
                "marine02",
                "marinefirefight",
                "psymongo1",
                "psymongo3",
                "turinitalym",
            }
        ),
        (
            ("crystan", "CC-BY-SA-3.0"),
            ("marine", "CC-BY-SA-3.0"),
            ("thethings", "CC-BY-SA-3.0"),
            ("dynamictest", "CC-BY-SA-3.0"),
            ("returnjourney", "CC-BY-SA-3.0"),
            ("david", "CC-BY-3.0"),
            ("azrael", "CC-BY-3.0"),
            ("karlmacklin", "CC-BY-3.0"),
            ("van-", "CC-BY-3.0"),
            ("psymong", "GPL-2.0-only"),
            ("dawn", "GPL-2.0-only"),
            ("dbsea", "GPL-2.0-only"),
            ("space", "GPL-2.0-only"),
            ("ufo", "GPL-2.0-only"),
        ),
    ),
)

# The two packages of songs for a guitar game: guitar.ogg is the lead guitar, song.ogg all the rest, in time. The rest
# of Muldjord's songs has growled vocals (formants that move between 300 and 2500 Hz); Sectoid's has none.
GUITAR_SONGS = {
    "fretsonfire-songs-sectoid": ("MIT", ("drums", "bass", "other")),
    "fretsonfire-songs-muldjord": ("CC-BY-SA-3.0", ("vocals", "drums", "bass", "other")),
}
GUITAR_SPLITS = {"feelings": "test", "armygeddon": "test", "war-of-freedom": "valid", "mutilated-mime": "valid"}

LOOPS_PACKAGE = "sonic-pi-samples"
LOOPS_LICENCE = "CC0-1.0"
# Drums alone, seen one by one on the spectrogram; the other loop_* files have pitched or spoken sounds in them.
DRUM_LOOPS = {
    "loop_amen_full": "drum loop",
    "loop_tabla": "percussion",
    "loop_breakbeat": "drum loop",
    "loop_amen": "drum loop",
    "loop_compus": "drum loop",
    "loop_industrial": "drum loop",
    "loop_mika": "drum loop",
    "loop_safari": "percussion",
}
DRUM_LOOP_SPLITS = {"loop_tabla": "test", "loop_breakbeat": "valid"}


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def recordings(album: Album, assets: Path) -> list[Recording]:
    """All tracks of an album that are not left out, in a fixed order; none if the package is not there."""
    found = sorted((assets / album.package).glob(album.pattern))
    tracks = [track for path in found for track in _tracks_in(path)]
    return [track for track in tracks if track.slug not in album.voiced]


def _tracks_in(path: Path) -> Iterator[Recording]:
    if path.suffix != ".pk3":
        folder = path.parent.name + "-" if path.parent.parent.name == "albums" else ""
        yield Recording(slug(folder + path.stem), path)
        return
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".ogg"):
                yield Recording(slug(Path(name).stem), io.BytesIO(archive.read(name)))


def guitar_songs(assets: Path) -> list[tuple[str, str, Path]]:
    """(package, slug, folder) of every song with a separate lead guitar."""
    return [
        (package, slug(path.parent.name), path.parent)
        for package in GUITAR_SONGS
        for path in sorted((assets / package).glob("**/guitar.ogg"))
    ]


def drum_loops(assets: Path) -> list[tuple[str, Path]]:
    """(name, file) of every loop of :data:`DRUM_LOOPS` that is there."""
    found = {path.stem: path for path in sorted((assets / LOOPS_PACKAGE).glob("**/loop_*.flac"))}
    return [(name, found[name]) for name in DRUM_LOOPS if name in found]

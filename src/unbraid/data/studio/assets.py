"""What the studio plays with: a table of every package, and finders for the fonts, kits and scores inside them.

Packages lie unpacked side by side, ``assets/<package>/usr/share/...``; ``scripts/studio-assets.sh`` puts them there.
Every source belongs wholly to one split, so what is heard in valid or test was never heard in train.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unbraid.data.studio import patches
from unbraid.data.studio.kits import Kit, read_hydrogen, read_one_shots
from unbraid.data.studio.split import SPLITS, Split, split_of_file
from unbraid.data.studio.strums import StrumBook, read_strums
from unbraid.data.studio.wad import midi_lumps
from unbraid.errors import AudioError

SCRIPT = "scripts/studio-assets.sh"


@dataclass(frozen=True)
class FontSource:
    """A sound font of a package, or the list of its patches; ``drum_programs`` are those of its ``drum_bank``,
    ``weight`` how often it is taken."""

    name: str
    package: str
    file: str
    licence: str
    split: Split
    drum_programs: tuple[int, ...]
    weight: float = 1.0
    melodic: bool = True
    drum_bank: int = 128


@dataclass(frozen=True)
class KitSource:
    """A drum kit; ``sound`` is "acoustic", "electronic" or "hand" (percussion without a drum set); ``pattern`` globs
    one-shots, None is a Hydrogen kit."""

    name: str
    package: str
    licence: str
    split: Split
    sound: str
    pattern: str | None = None


@dataclass(frozen=True)
class Font:
    """A sound font on disk. programs: those of its first bank, None for all of General MIDI."""

    source: FontSource
    path: Path
    programs: frozenset[int] | None = None

    def has(self, program: int) -> bool:
        return self.programs is None or program in self.programs


@dataclass(frozen=True)
class MidiFile:
    """A human-written score: its bytes, and the split that its name falls into."""

    name: str
    licence: str
    split: Split
    data: bytes


@dataclass(frozen=True)
class Material:
    """All that the songs of one split may use; empty lists leave our own synthesisers and drums."""

    split: Split
    melodic_fonts: tuple[Font, ...] = ()
    drum_fonts: tuple[Font, ...] = ()
    kits: tuple[tuple[KitSource, Kit], ...] = ()
    midi: tuple[MidiFile, ...] = ()
    strums: tuple[StrumBook, ...] = ()


_GM_DRUMS = (0, 8, 16, 24, 25, 32, 40)
_FLUID_DRUMS = (*range(6), *range(8, 13), 16, 17, 18, 24, 25, 32, 33, 40)
_AVL = "avldrums.lv2-soundfont"
_MUSE = "musescore-general-soundfont-small"
_FREEPATS = "GPL-2.0-or-later with an exception for compositions"
FONTS = (
    FontSource("FluidR3", "fluid-soundfont-gm", "sf2/FluidR3_GM.sf2", "MIT", "train", _FLUID_DRUMS),
    FontSource("MuseScore General Lite", _MUSE, "sf3/MuseScore_General_Lite.sf3", "MIT", "train", _GM_DRUMS, 0.8),
    FontSource("FreePats", "freepats", patches.LIST, _FREEPATS, "train", (0,), 0.9),
    FontSource("OPL-3 FM", "opl3-soundfont", "sf2/OPL-3_FM_128M.sf2", "CC-BY-SA-4.0", "train", (), 0.1),
    FontSource("Red Zeppelin", _AVL, "sf2/Red_Zeppelin_4_LV2.sf2", "CC-BY-SA-3.0", "test", (0,), 0.0, False, 0),
    FontSource("Csound GM bank", "csound-soundfont", "sf2/sf_GMbank.sf2", "public domain", "valid", _GM_DRUMS),
    FontSource("TimGM6mb", "timgm6mb-soundfont", "sf2/TimGM6mb.sf2", "GPL-2.0-only", "test", _GM_DRUMS),
    FontSource("Black Pearl", _AVL, "sf2/Black_Pearl_4_LV2.sf2", "CC-BY-SA-3.0", "test", (0,), 0.0, False, 0),
)

# The Black Pearl, GMRockKit and both AVL drum fonts share strokes (the spectra of several pieces are equal), and the
# Millo kits are one drummer's: each family stays within one split. TimGM6mb and the Csound bank share some strokes too;
# both are held out.
_HYDROGEN = "hydrogen-drumkits"
_SONIC_PI = "usr/share/sonic-pi/samples/[bdesp][delnr]*_*.flac"
KITS = (
    KitSource("GMRockKit", "hydrogen-data", "GPL-2.0-or-later", "test", "acoustic"),
    KitSource("TR808EmulationKit", "hydrogen-data", "GPL-2.0-or-later", "train", "electronic"),
    KitSource("Audiophob", _HYDROGEN, "CC0-1.0", "train", "electronic"),
    KitSource("ForzeeStereo", _HYDROGEN, "GPL-2.0-only", "train", "acoustic"),
    KitSource("Gimme A Hand 1.0", _HYDROGEN, "GPL-2.0-only", "train", "hand"),
    KitSource("Millo-Drums_v.1", _HYDROGEN, "GPL-2.0-only", "train", "acoustic"),
    KitSource("Millo_MultiLayered2", _HYDROGEN, "GPL-2.0-only", "train", "acoustic"),
    KitSource("Millo_MultiLayered3", _HYDROGEN, "GPL-2.0-only", "train", "acoustic"),
    KitSource("VariBreaks", _HYDROGEN, "GPL-2.0-or-later", "train", "electronic"),
    KitSource("circAfrique v4", _HYDROGEN, "CC-BY-SA-3.0", "train", "hand"),
    KitSource("BJA_Pacific", _HYDROGEN, "CC-BY-SA-3.0", "train", "acoustic"),
    KitSource("sonic-pi one-shots", "sonic-pi-samples", "CC0-1.0", "train", "electronic", _SONIC_PI),
    KitSource(
        "lmms one-shots", "lmms-common", "GPL-2.0-or-later", "train", "electronic", "usr/share/lmms/samples/drums/*.ogg"
    ),
    KitSource("rumpf_kit_z01_h2", _HYDROGEN, "CC-BY-3.0", "valid", "acoustic"),
    KitSource("ElectricEmpireKit", _HYDROGEN, "GPL-2.0-or-later", "valid", "electronic"),
    KitSource(
        "ColomboAcousticDrumkit", _HYDROGEN, "GPL-2.0-or-later with an exception for compositions", "train", "acoustic"
    ),
    KitSource("HardElectro1", _HYDROGEN, "GPL-2.0-or-later", "test", "electronic"),
    KitSource("The Black Pearl 1.0", _HYDROGEN, "GPL-2.0-only", "test", "acoustic"),
)
STRUMS = KitSource("belofilms_GuitarStrums", "hydrogen-drumkits-effects", "CC-BY-3.0", "train", "guitar")
MIDI_PACKAGES = {"freedoom": "BSD-3-Clause", "openttd-openmsx": "GPL-2.0-only"}


def check(assets: Path) -> None:
    """See that the fonts, kits and MIDI files of all splits are there.

    Raises:
        AudioError: something is missing; the message names its package and the script that fetches it.
    """
    for split in SPLITS:
        find_fonts(assets, split)
        find_kits(assets, split)
        find_midi(assets, split)
        find_strums(assets, split)


def gather(assets: Path, split: Split) -> Material:
    """The fonts, kits and MIDI files of ``split``; AudioError as for :func:`check`."""
    fonts = find_fonts(assets, split)
    drums = tuple(font for font in fonts if font.source.drum_programs)
    melodic = tuple(font for font in fonts if font.source.melodic)
    return Material(
        split,
        melodic,
        drums,
        tuple(find_kits(assets, split)),
        tuple(find_midi(assets, split)),
        find_strums(assets, split),
    )


def find_fonts(assets: Path, split: Split) -> list[Font]:
    """The fonts of ``split``; AudioError names the first that is missing."""
    return [_open_font(source, assets / source.package) for source in FONTS if source.split == split]


def find_kits(assets: Path, split: Split) -> list[tuple[KitSource, Kit]]:
    """The drum kits of ``split``; AudioError as for fonts."""
    return [(source, _open_kit(source, assets)) for source in KITS if source.split == split]


def find_strums(assets: Path, split: Split) -> tuple[StrumBook, ...]:
    """The recorded guitar strums, which belong to one split; AudioError as for fonts."""
    if STRUMS.split != split:
        return ()
    folder = assets / STRUMS.package / "usr/share/hydrogen/data/drumkits" / STRUMS.name
    if not folder.is_dir():
        raise AudioError(_missing(STRUMS.package, folder))
    return (read_strums(folder, STRUMS.name, STRUMS.licence),)


def find_midi(assets: Path, split: Split) -> list[MidiFile]:
    """The MIDI files of ``split``, no two with the same contents; AudioError as for fonts."""
    seen: set[bytes] = set()
    found = []
    for package, licence in MIDI_PACKAGES.items():
        for name, data in _midi_in(assets / package):
            if data not in seen and split_of_file(name) == split:
                found.append(MidiFile(f"midi:{package}/{name}", licence, split, data))
            seen.add(data)
    return found


def _open_font(source: FontSource, package: Path) -> Font:
    listed = source.file == patches.LIST
    path = package / source.file if listed else package / "usr/share/sounds" / source.file
    if not path.is_file():
        raise AudioError(_missing(source.package, path))
    return Font(source, *patches.font_of(package)) if listed else Font(source, path)


def _open_kit(source: KitSource, assets: Path) -> Kit:
    if source.pattern is not None:
        files = sorted((assets / source.package).glob(source.pattern))
        if not files:
            raise AudioError(_missing(source.package, assets / source.package / source.pattern))
        return read_one_shots(files, source.name, source.licence)
    folder = assets / source.package / "usr/share/hydrogen/data/drumkits" / source.name
    if not folder.is_dir():
        raise AudioError(_missing(source.package, folder))
    return read_hydrogen(folder, source.name, source.licence)


def _midi_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    paths = sorted(path for path in folder.rglob("*") if re.search(r"\.(mid|wad)$", path.name))
    if not paths:
        raise AudioError(_missing(folder.name, folder))
    for path in paths:
        if path.suffix == ".mid":
            yield path.stem, path.read_bytes()
        else:
            yield from ((f"{path.stem}-{name.lower()}", data) for name, data in midi_lumps(path))


def _missing(package: str, path: Path) -> str:
    return f"{path}: is missing; it is in the Debian package {package}, which {SCRIPT} fetches and unpacks"

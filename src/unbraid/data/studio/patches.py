"""FreePats, a General MIDI set of patches, as a sound font beside the assets, made when it is first wanted."""

from __future__ import annotations

from pathlib import Path

from unbraid.data.studio.gus import read_list, read_patch
from unbraid.data.studio.soundfont_write import write_font
from unbraid.errors import AudioError

LIST = "etc/timidity/freepats.cfg"
_CACHE = "fonts"
_MADE = 2
"""How fonts are made; one that was made otherwise is not taken."""

_INSTRUMENTS = 115  # programs from here on are noises
_SHARED = frozenset({64, 69, 75, 79})
"""Soprano saxophone, English horn, pan flute and ocarina: the same recordings are in TimGM6mb or the Csound bank, which
are held out (all patches were searched for in them by normalised correlation; these are found to the bit)."""


def font_of(package: Path) -> tuple[Path, frozenset[int]]:
    """The font of the unpacked ``package``, and the programs that it has.

    Raises AudioError if a file of it is missing, OutputError if the font cannot be written.
    """
    listed = read_list(package / LIST)
    wanted = frozenset(range(_INSTRUMENTS)) - _SHARED
    programs = {number: path for number, path in listed[False].items() if number in wanted}
    font = package.parent / _CACHE / f"{package.name}-{_MADE}.sf2"
    if not font.exists():
        strokes = {number: read_patch(_unpacked(package, path)) for number, path in programs.items()}
        drums = {key: read_patch(_unpacked(package, path))[0] for key, path in listed[True].items()}
        write_font(font, package.name, strokes, drums)
    return font, frozenset(programs)


def _unpacked(package: Path, path: Path) -> Path:
    """Where a file of an installed package lies in the unpacked one."""
    found = package / path.relative_to("/") if path.is_absolute() else package / path
    if not found.is_file():
        raise AudioError(f"{found}: is missing; fetch the package again")
    return found

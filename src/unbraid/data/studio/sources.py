"""Every source that the studio uses, as one table: ``python -m unbraid.data.studio.sources > docs/data-sources.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from unbraid.data.studio.assets import FONTS, KITS, MIDI_PACKAGES, STRUMS
from unbraid.data.studio.real_sources import ALBUMS, GUITAR_SONGS, LOOPS_LICENCE, LOOPS_PACKAGE
from unbraid.data.studio.voice_bank import TEST_LANGUAGES, VALID_LANGUAGES

HEAD = """# Where the studio's sound comes from

All material is in Debian packages, which `scripts/studio-assets.sh DIR` fetches and unpacks (it installs nothing but
`mma`, if you let it). Licences are those of the packages' copyright files; the file `song.json` of each song repeats,
part by part, what the part was made with. A source belongs wholly to one split: what sounds in `valid` or `test` never
sounds in `train`. Our own synthesisers, plucked strings, electronic drums, patterns and rule-made singers are made
by random settings and occur in all splits (the numbers of rule-made singers differ from split to split). Songs for
training also play presets with the samples of other keys, filters and decays, and tune and damp the strokes of kits
(`data/studio/touch.py`); what is held out plays every source as it is.

This page is written by `python -m unbraid.data.studio.sources`; a test compares the two.

| Source | Debian package | Licence | Used for | Split |
|---|---|---|---|---|
"""
_SPEECH = (
    ("klettres-data", "GPL-2.0-or-later", "recorded syllables, made to sing"),
    ("ktuberling-data", "GPL-2.0-or-later, parts CC-BY", "recorded words, made to sing"),
    ("fillets-ng-data-cs", "GPL-2.0-only", "recorded speech, made to sing and rap"),
    ("hedgewars-data", "GFDL-1.3", "acted shouts and a singer's lines, made to sing and rap"),
)
TOOL_PACKAGES = ("libfluidsynth3", "mma")


class Row(NamedTuple):
    """A line of the table."""

    source: str
    package: str
    licence: str
    use: str
    split: str


def rows() -> Iterator[Row]:
    """All sources in the order of the table."""
    for font in FONTS:
        use = (
            "instruments and drums"
            if font.melodic and font.drum_programs
            else "instruments"
            if font.melodic
            else "drums"
        )
        yield Row(font.name, font.package, font.licence, use, font.split)
    for kit in KITS:
        yield Row(kit.name, kit.package, kit.licence, f"{kit.sound} drums", kit.split)
    yield Row(STRUMS.name, STRUMS.package, STRUMS.licence, "strummed acoustic guitar", STRUMS.split)
    for package, licence in MIDI_PACKAGES.items():
        yield Row("MIDI files", package, licence, "scores", "by file: 77 / 8 / 15 %")
    yield Row("accompaniment library", "mma", "GPL-2.0-or-later", "scores", "by style: 77 / 8 / 15 %")
    held = f"by language: valid {', '.join(sorted(VALID_LANGUAGES))}; test {', '.join(sorted(TEST_LANGUAGES))}"
    for package, licence, use in _SPEECH:
        yield Row("speakers", package, licence, use, held)
    for album in ALBUMS:
        yield Row(f"{album.style} recordings", album.package, album.licence, "real bands without a voice", "by track")
    for package, (licence, _) in GUITAR_SONGS.items():
        yield Row("lead guitar and the rest", package, licence, "real guitars", "by song")
    yield Row("drum loops", LOOPS_PACKAGE, LOOPS_LICENCE, "real drums", "by loop")


def packages() -> list[str]:
    """The packages to fetch and unpack, each once, in order."""
    return sorted({row.package for row in rows()} - set(TOOL_PACKAGES))


def page() -> str:
    """The page in Markdown."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows())


if __name__ == "__main__":
    sys.stdout.write(page())

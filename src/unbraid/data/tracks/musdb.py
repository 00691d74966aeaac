"""MUSDB18: one file a song with five streams (Rafii et al. 2017). MUSDB18-HQ is a folder per song: ``folders``."""

from __future__ import annotations

from pathlib import Path

from unbraid.data.tracks.found import STEMS, FoundPart, FoundSong, SoundFile

SUFFIX = ".stem.mp4"
STREAMS = ("mixture", "drums", "bass", "other", "vocals")

VALID = frozenset(
    (
        "Actions - One Minute Smile",
        "Alexander Ross - Goodbye Bolero",
        "ANiMAL - Rockshow",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Fergessen - Nos Palpitants",
        "James May - On The Line",
        "Johnny Lokke - Promises & Lies",
        "Leaf - Summerghost",
        "Meaxic - Take A Step",
        "Patrick Talbot - A Reason To Leave",
        "Skelpolu - Human Mistakes",
        "Traffic Experiment - Sirens",
        "Triviul - Angelsaint",
        "Young Griffo - Pennies",
    )
)
"""The songs of train/ that everybody validates on, as the musdb package lists them."""


def streams_of(path: Path) -> dict[str, SoundFile]:
    """The five streams of a file by name."""
    return {name: SoundFile(path, stream) for stream, name in enumerate(STREAMS)}


def stem_file(path: Path) -> FoundSong:
    """The song in one ``.stem.mp4``."""
    streams = streams_of(path)
    parts = tuple(FoundPart(streams[stem], frozenset([stem]), stem) for stem in STEMS)
    return FoundSong(path.name.removesuffix(SUFFIX), "musdb18", path, parts, streams["mixture"])

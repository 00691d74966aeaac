"""The styles that we write ourselves: tempo, groove, swing, bass line, and the layers that come and go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A part that may join: role, instrument family, chance; it plays in sections of at least ``from_energy``.

    ``twice`` is a double-tracked pair.
    """

    role: str
    family: str
    chance: float
    from_energy: float = 0.0
    twice: bool = False


@dataclass(frozen=True)
class Genre:
    """A style of our own.

    ``bpm`` is a range; ``basses`` are line styles of ``playing.bass_bar``. The rest are chances: ``electronic`` of
    machine drums, ``sung`` of a voice, ``rap`` that it raps, ``pump`` that the kick ducks the rest,
    ``loud`` of a dense master.
    """

    name: str
    bpm: tuple[int, int]
    groove: str
    weight: float
    basses: tuple[str, ...]
    bass_families: tuple[str, ...]
    layers: tuple[Layer, ...]
    minor: float = 0.5
    swing: float = 0.0
    electronic: float = 0.1
    rap: float = 0.0
    sung: float = 0.8
    pump: float = 0.0
    loud: float = 0.4


GENRES: tuple[Genre, ...] = (
    Genre(
        "rock", (92, 168), "rock", 2.2, ("roots", "eighths", "walk up"), ("electric bass",),
        (
            Layer("power", "distorted guitar", 0.85, 0.3, twice=True), Layer("strum", "clean guitar", 0.5),
            Layer("riff", "distorted guitar", 0.45, 0.3), Layer("lead", "distorted guitar", 0.35, 0.6),
            Layer("chords", "organ", 0.25, 0.5), Layer("chords", "piano", 0.2), Layer("pad", "strings", 0.1, 0.6),
        ), minor=0.45, loud=0.65,
    ),
    Genre(
        "punk", (150, 200), "punk", 0.9, ("eighths", "roots"), ("electric bass",),
        (
            Layer("power", "distorted guitar", 1.0, 0.1, twice=True), Layer("riff", "distorted guitar", 0.4, 0.4),
            Layer("strum", "clean guitar", 0.2),
        ), minor=0.3, loud=0.8,
    ),
    Genre(
        "metal", (90, 190), "metal", 1.2, ("follow kick", "eighths"), ("electric bass",),
        (
            Layer("power", "distorted guitar", 1.0, 0.0, twice=True),
            Layer("riff", "distorted guitar", 0.7, 0.2, twice=True),
            Layer("lead", "distorted guitar", 0.45, 0.6), Layer("pad", "strings", 0.2, 0.5),
            Layer("pad", "synth pad", 0.2),
        ), minor=0.95, loud=0.85,
    ),
    Genre(
        "pop", (88, 130), "pop", 2.0, ("roots", "eighths", "octaves", "syncopated"),
        ("electric bass", "synth bass", "synth bass"),
        (
            Layer("chords", "piano", 0.5), Layer("chords", "synth keys", 0.4), Layer("pad", "synth pad", 0.5, 0.2),
            Layer("strum", "acoustic guitar", 0.35), Layer("arpeggio", "synth pluck", 0.45, 0.2),
            Layer("chords", "supersaw", 0.25, 0.7), Layer("riff", "clean guitar", 0.3),
            Layer("pad", "strings", 0.25, 0.5),
            Layer("lead", "synth lead", 0.25, 0.7), Layer("power", "distorted guitar", 0.15, 0.7, twice=True),
        ), minor=0.4, electronic=0.55, rap=0.08, pump=0.2, loud=0.6,
    ),
    Genre(
        "funk", (92, 122), "funk", 1.0, ("slap", "syncopated", "octaves"), ("electric bass",),
        (
            Layer("riff", "clean guitar", 0.7), Layer("chords", "electric piano", 0.5),
            Layer("chords", "brass", 0.5, 0.4),
            Layer("chords", "organ", 0.3), Layer("lead", "reeds", 0.3, 0.6), Layer("riff", "brass", 0.3, 0.5),
        ), minor=0.6, swing=0.08,
    ),
    Genre(
        "hip hop", (78, 104), "hip hop", 1.5, ("sparse", "syncopated", "roots"),
        ("synth bass", "sub bass", "electric bass"),
        (
            Layer("chords", "electric piano", 0.5), Layer("arpeggio", "piano", 0.35), Layer("pad", "strings", 0.35),
            Layer("riff", "reeds", 0.15), Layer("pad", "synth pad", 0.3), Layer("riff", "clean guitar", 0.25),
            Layer("arpeggio", "mallets", 0.2), Layer("chords", "brass", 0.15, 0.5),
        ), minor=0.8, swing=0.18, electronic=0.55, rap=0.65, loud=0.6,
    ),
    Genre(
        "trap", (62, 80), "trap", 1.4, ("808",), ("sub bass",),
        (
            Layer("arpeggio", "mallets", 0.4), Layer("arpeggio", "piano", 0.4), Layer("pad", "synth pad", 0.5),
            Layer("riff", "flutes", 0.3), Layer("riff", "synth lead", 0.3, 0.4),
            Layer("arpeggio", "synth pluck", 0.4),
            Layer("arpeggio", "clean guitar", 0.25), Layer("pad", "strings", 0.25),
        ), minor=0.95, electronic=1.0, rap=0.6, loud=0.75,
    ),
    Genre(
        "house", (118, 128), "house", 1.3, ("offbeat", "octaves", "syncopated"), ("synth bass", "synth bass", "reese"),
        (
            Layer("chords", "piano", 0.4, 0.2), Layer("chords", "supersaw", 0.4, 0.5), Layer("pad", "synth pad", 0.5),
            Layer("arpeggio", "synth pluck", 0.6), Layer("lead", "synth lead", 0.4, 0.5),
            Layer("chords", "synth keys", 0.4),
        ), minor=0.7, electronic=0.95, sung=0.65, pump=0.7, loud=0.75,
    ),
    Genre(
        "techno", (125, 140), "techno", 0.7, ("offbeat", "eighths", "acid"), ("synth bass", "synth bass", "reese"),
        (
            Layer("arpeggio", "synth pluck", 0.8), Layer("pad", "synth pad", 0.6),
            Layer("riff", "synth lead", 0.6, 0.3),
            Layer("chords", "synth keys", 0.3),
        ), minor=0.95, electronic=1.0, sung=0.3, pump=0.7, loud=0.75,
    ),
    Genre(
        "synthwave", (84, 118), "rock", 0.8, ("eighths", "octaves"), ("synth bass",),
        (
            Layer("arpeggio", "synth pluck", 0.8), Layer("pad", "synth pad", 0.8),
            Layer("lead", "synth lead", 0.6, 0.5),
            Layer("chords", "synth keys", 0.4), Layer("lead", "distorted guitar", 0.2, 0.7),
            Layer("chords", "brass", 0.2),
        ), minor=0.75, electronic=0.9, sung=0.65, pump=0.3, loud=0.6,
    ),
    Genre(
        "drum and bass", (164, 178), "drum and bass", 1.0, ("reese", "sparse", "syncopated"), ("reese", "sub bass"),
        (
            Layer("pad", "synth pad", 0.7), Layer("arpeggio", "synth pluck", 0.5),
            Layer("riff", "synth lead", 0.5, 0.4),
            Layer("chords", "electric piano", 0.3), Layer("pad", "strings", 0.25),
            Layer("chords", "supersaw", 0.25, 0.6),
        ), minor=0.9, electronic=0.75, rap=0.15, sung=0.6, pump=0.3, loud=0.8,
    ),
    Genre(
        "ballad", (60, 88), "ballad", 1.2, ("roots", "sparse", "walk up"), ("electric bass", "acoustic bass"),
        (
            Layer("chords", "piano", 0.7), Layer("strum", "acoustic guitar", 0.4), Layer("pad", "strings", 0.6, 0.4),
            Layer("arpeggio", "clean guitar", 0.35), Layer("arpeggio", "harp", 0.12),
            Layer("lead", "distorted guitar", 0.2, 0.7),
            Layer("pad", "synth pad", 0.25), Layer("lead", "solo strings", 0.15, 0.6),
            Layer("chords", "organ", 0.15, 0.5),
        ), minor=0.4, sung=0.95, loud=0.3,
    ),
    Genre(
        "folk", (84, 130), "folk", 1.0, ("roots", "walk up"), ("acoustic bass", "electric bass"),
        (
            Layer("strum", "acoustic guitar", 0.95), Layer("arpeggio", "acoustic guitar", 0.5),
            Layer("arpeggio", "exotic", 0.25),
            Layer("lead", "solo strings", 0.3, 0.4), Layer("lead", "flutes", 0.15, 0.4),
            Layer("chords", "piano", 0.3),
            Layer("lead", "exotic", 0.15),
        ), minor=0.35, sung=0.9, loud=0.2,
    ),
    Genre(
        "reggae", (66, 92), "reggae", 0.6, ("syncopated", "sparse"), ("electric bass", "electric bass", "sub bass"),
        (
            Layer("strum", "clean guitar", 0.9), Layer("chords", "organ", 0.7), Layer("chords", "brass", 0.35, 0.5),
            Layer("riff", "clean guitar", 0.3), Layer("lead", "synth lead", 0.15, 0.5),
        ), minor=0.6, swing=0.12, rap=0.1,
    ),
    Genre(
        "soul", (72, 116), "soul", 0.8, ("syncopated", "octaves", "walk up"), ("electric bass",),
        (
            Layer("chords", "electric piano", 0.6), Layer("chords", "organ", 0.5), Layer("riff", "clean guitar", 0.5),
            Layer("chords", "brass", 0.5, 0.4), Layer("pad", "strings", 0.4, 0.4), Layer("lead", "reeds", 0.25, 0.6),
        ), minor=0.5, swing=0.1, sung=0.9,
    ),
)  # fmt: skip

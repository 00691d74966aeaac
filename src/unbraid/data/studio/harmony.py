"""Chord progressions in Roman numerals, and the scales that go with them."""

from __future__ import annotations

import re

import numpy as np

from unbraid.errors import UsageError

_DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
_QUALITIES = {
    "": (0, 4, 7),
    "7": (0, 4, 7, 10),
    "M7": (0, 4, 7, 11),
    "sus4": (0, 5, 7),
    "add9": (0, 4, 7, 14),
    "m": (0, 3, 7),
    "m7": (0, 3, 7, 10),
    "m9": (0, 3, 7, 10, 14),
    "dim": (0, 3, 6),
}
_NUMERAL = re.compile(r"(b?)([ivIV]+)(.*)")

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
PENTATONIC_MAJOR = (0, 2, 4, 7, 9)
PENTATONIC_MINOR = (0, 3, 5, 7, 10)

PROGRESSIONS_MAJOR = (
    ("I", "V", "vi", "IV"),
    ("vi", "IV", "I", "V"),
    ("I", "vi", "IV", "V"),
    ("IV", "I", "V", "vi"),
    ("I", "IV", "V", "IV"),
    ("I", "bVII", "IV", "I"),
    ("I", "iii", "IV", "iv"),
    ("I", "V", "ii", "IV"),
    ("IM7", "vi7", "ii7", "V7"),
    ("ii7", "V7", "IM7", "vi7"),
    ("I7", "IV7", "I7", "V7"),
    ("Iadd9", "Vsus4", "vi7", "IVadd9"),
    ("IVM7", "iii7", "ii7", "I"),
    ("I", "I", "IV", "V"),
)
PROGRESSIONS_MINOR = (
    ("i", "bVI", "bIII", "bVII"),
    ("i", "bVII", "bVI", "V7"),
    ("i", "iv", "bVII", "bIII"),
    ("i", "bVI", "iv", "V"),
    ("i", "bVII", "bVI", "bVII"),
    ("i", "i", "bVI", "bVII"),
    ("i7", "iv7", "i7", "v7"),
    ("i9", "bVIM7", "iv7", "v7"),
    ("i", "bIII", "iv", "bVI"),
    ("i", "v", "bVI", "iv"),
    ("i", "bII", "i", "bVII"),
)


def chord_of(numeral: str, key: int) -> tuple[int, tuple[int, ...]]:
    """Pitch class of the root and tones (semitones above it) of ``numeral`` ("bVII", "ii7") in ``key``."""
    match = _NUMERAL.fullmatch(numeral)
    quality = match and match[3]
    if match is None or match[2].lower() not in _DEGREES:
        raise UsageError(f"{numeral!r} is no Roman numeral; write I to VII, b before it, 7, M7, sus4, add9 or 9 behind")
    lower = match[2].islower()
    root = _DEGREES[match[2].lower()] - (1 if match[1] else 0)
    name = f"m{quality}" if lower else str(quality)
    if name not in _QUALITIES:
        raise UsageError(f"{numeral!r} ends with {quality!r}; known are {', '.join(q for q in _QUALITIES if q)}")
    return (key + root) % 12, _QUALITIES[name]


def scale_of(minor: bool, pentatonic: bool = False) -> tuple[int, ...]:
    """Semitones of the scale above its tonic."""
    if pentatonic:
        return PENTATONIC_MINOR if minor else PENTATONIC_MAJOR
    return MINOR if minor else MAJOR


def draw_progression(rng: np.random.Generator, minor: bool) -> tuple[str, ...]:
    table = PROGRESSIONS_MINOR if minor else PROGRESSIONS_MAJOR
    return table[int(rng.integers(len(table)))]


def voicing(root: int, tones: tuple[int, ...], low: int, previous: list[int] | None = None) -> list[int]:
    """MIDI pitches of a chord from ``low`` upward in close position, the inversion nearest to ``previous``."""
    classes = sorted({(root + tone) % 12 for tone in tones})
    inversions = []
    for turn in range(len(classes)):
        pitches, at = [], low
        for step in range(len(classes)):
            pitch = at + (classes[(turn + step) % len(classes)] - at) % 12
            pitches.append(pitch)
            at = pitch + 1
        inversions.append(pitches)
    if previous is None:
        return inversions[0]
    centre = sum(previous) / len(previous)
    return min(inversions, key=lambda pitches: abs(sum(pitches) / len(pitches) - centre))

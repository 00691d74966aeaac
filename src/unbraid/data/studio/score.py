"""What a song's players read: notes in lines, chords in time, and the stretches that are sung.

Scores come from three places: patterns of our own (``patterns``), accompaniment styles (``mma``) and MIDI files
(``midi``). Pitches are MIDI numbers (60 is middle C, 440 Hz is 69); drums use the General MIDI percussion map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Note(NamedTuple):
    """One note: start and end in seconds, pitch, velocity 1 to 127; ``muted`` is a palm-muted string."""

    start_s: float
    end_s: float
    pitch: int
    velocity: int
    muted: bool = False


class Chord(NamedTuple):
    """A chord from ``start_s`` on: pitch class of its root (0 is C), its tones as semitones above the root."""

    start_s: float
    root: int
    tones: tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """What one player plays.

    role: "drums", "bass", "chords", "strum", "power", "arpeggio", "pad", "riff" or "lead".
    family: the family of instruments it is for (see ``cast``), or None to let the role decide.
    program: the General MIDI program that the score asks for, or None.
    """

    role: str
    notes: list[Note]
    family: str | None = None
    program: int | None = None


@dataclass(frozen=True)
class Score:
    """A song on paper. ``key`` is the pitch class of the tonic.

    ``sung`` are the spans (start s, end s) left to a singer. ``source`` and ``licence`` name where the notes come from.
    """

    style: str
    genre: str
    bpm: float
    key: int
    minor: bool
    seconds: float
    chords: list[Chord]
    lines: list[Line]
    source: str
    licence: str
    sung: list[tuple[float, float]] = field(default_factory=list)

    @property
    def beat_s(self) -> float:
        return 60.0 / self.bpm


def humanised(notes: Sequence[Note], rng: np.random.Generator, jitter_s: float, spread: float = 6.0) -> list[Note]:
    """The notes as a person plays them: starts off by ``jitter_s`` (standard deviation), velocities by ``spread``."""
    shifts = rng.normal(0.0, jitter_s, len(notes))
    pushes = rng.normal(0.0, spread, len(notes))
    played = []
    for note, shift, push in zip(notes, shifts, pushes, strict=True):
        start = max(0.0, note.start_s + float(shift))
        velocity = int(np.clip(note.velocity + push, 8, 127))
        played.append(note._replace(start_s=start, end_s=max(start + 0.02, note.end_s), velocity=velocity))
    return sorted(played)


def clipped(notes: Sequence[Note], start_s: float, end_s: float) -> list[Note]:
    """The notes that begin within ``[start_s, end_s)``, moved so that ``start_s`` is 0; none rings past the end."""
    return [
        note._replace(start_s=note.start_s - start_s, end_s=min(note.end_s, end_s) - start_s)
        for note in notes
        if start_s <= note.start_s < end_s
    ]


def key_name(key: int, minor: bool) -> str:
    """The key as musicians write it: ``"F#m"``."""
    return ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")[key % 12] + ("m" if minor else "")

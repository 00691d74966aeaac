"""Recorded guitar strums: a folder of chords, each struck down and up several times, played in a song's rhythm.

File names tell chord and direction (``"Csharp minor_DOWN_01.flac"``). A chord that was not recorded is the nearest
one of its kind at another speed, at most a few semitones away, as a capo would have it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from unbraid.data.studio.score import Note
from unbraid.signal import Samples

RATE = 44_100
_NAME = re.compile(r"([A-G])(sharp|flat)? ?(major|minor)(_DOWN|_UP)?_\d+", re.IGNORECASE)
_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_STROKE_S = 0.05


@dataclass(frozen=True)
class Strum:
    """One recorded stroke: pitch class of the root, minor or major, and whether it goes up."""

    root: int
    minor: bool
    up: bool
    path: Path


@dataclass(frozen=True)
class StrumBook:
    """All strokes of one guitar."""

    name: str
    licence: str
    strums: tuple[Strum, ...]

    def play(self, notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
        """The strokes behind ``notes``, ``[2, time]``: notes that begin together are one chord.

        Each stroke ends the one before it.
        """
        samples = np.zeros((2, round(seconds * RATE)), np.float32)
        decoded: dict[tuple[Path, int], Samples] = {}
        chords = strokes_of(notes)
        edges = [*(chord[0].start_s for chord in chords[1:]), seconds]
        for chord, until in zip(chords, edges, strict=True):
            stroke, shift = self._choose(chord, rng)
            if (stroke.path, shift) not in decoded:
                decoded[stroke.path, shift] = _read(stroke.path, shift)
            wave = decoded[stroke.path, shift]
            held = min(until, max(note.end_s for note in chord)) - chord[0].start_s
            wave = _cut(wave, int(held * RATE)) * np.float32((chord[0].velocity / 127) ** 1.2)
            start = int(chord[0].start_s * RATE)
            stop = min(samples.shape[1], start + wave.shape[1])
            if stop > start:
                samples[:, start:stop] += wave[:, : stop - start]
        return samples

    def _choose(self, chord: list[Note], rng: np.random.Generator) -> tuple[Strum, int]:
        """A stroke of the chord's kind and direction, and the semitones it must be moved."""
        root, minor = chord_kind([note.pitch for note in chord])
        up = chord[0].pitch > chord[-1].pitch
        fitting = [strum for strum in self.strums if strum.minor == minor and strum.up == up] or list(self.strums)
        shifts = [(root - strum.root + 6) % 12 - 6 for strum in fitting]
        nearest = min(map(abs, shifts))
        at = [number for number, shift in enumerate(shifts) if abs(shift) == nearest]
        chosen = at[int(rng.integers(len(at)))]
        return fitting[chosen], shifts[chosen]


def read_strums(folder: Path, name: str, licence: str) -> StrumBook:
    """The strokes in ``folder`` whose names tell a major or minor chord."""
    strums = []
    for path in sorted(folder.glob("*.flac")):
        match = _NAME.match(path.stem)
        if match is not None:
            root = _NATURALS[match[1].upper()] + {"sharp": 1, "flat": -1}.get((match[2] or "").lower(), 0)
            up = (match[4] or "").upper() == "_UP"
            strums.append(Strum(root % 12, match[3].lower() == "minor", up, path))
    return StrumBook(name, licence, tuple(strums))


def strokes_of(notes: Sequence[Note]) -> list[list[Note]]:
    """Notes grouped into strokes: those of one begin within some hundredths of a second after its first."""
    groups: list[list[Note]] = []
    for note in sorted(notes):
        if groups and note.start_s - groups[-1][0].start_s < _STROKE_S:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def chord_kind(pitches: Sequence[int]) -> tuple[int, bool]:
    """Pitch class of the root and whether the chord is minor: the triad that most of the notes belong to."""
    classes = {pitch % 12 for pitch in pitches}
    lowest = min(pitches) % 12

    def fit(root: int, minor: bool) -> float:
        triad = {root, (root + (3 if minor else 4)) % 12, (root + 7) % 12}
        return len(triad & classes) + 0.5 * (root == lowest) - 0.1 * minor

    return max(((root, minor) for root in range(12) for minor in (False, True)), key=lambda kind: fit(*kind))


def _read(path: Path, shift: int) -> Samples:
    """A stroke as ``[2, time]`` at 44.1 kHz, ``shift`` semitones higher and so much shorter."""
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    stereo = np.repeat(samples[:, :1], 2, axis=1) if samples.shape[1] == 1 else samples[:, :2]
    moved = soxr.resample(stereo, rate * 2 ** (shift / 12), RATE)
    return np.ascontiguousarray(moved.T, dtype=np.float32)


def _cut(wave: Samples, length: int, fade_s: float = 0.02) -> Samples:
    fade = int(fade_s * RATE)
    if length + fade >= wave.shape[1]:
        return wave
    out = wave[:, : length + fade].copy()
    out[:, length:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out

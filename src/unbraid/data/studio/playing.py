"""How players turn chords into notes: bass lines, strummed and comped chords, power chords, arpeggios, riffs.

All functions take the chords of one bar's span and write notes into it; a step is a sixteenth note.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from unbraid.data.studio.harmony import voicing
from unbraid.data.studio.score import Chord, Note

_BASS_LOW = 28  # E1

# Steps on which a bass note begins, its interval above the root, and its length in steps.
_BASS_BARS: dict[str, tuple[tuple[tuple[int, int, int], ...], ...]] = {
    "roots": (((0, 0, 8), (8, 0, 8)), ((0, 0, 6), (6, 0, 2), (8, 0, 8)), ((0, 0, 12), (12, 7, 4))),
    "eighths": (tuple((step, 0, 2) for step in range(0, 16, 2)),),
    "octaves": (tuple((step, 12 * (step // 2 % 2), 2) for step in range(0, 16, 2)),),
    "offbeat": (tuple((step, 0, 2) for step in range(2, 16, 4)), tuple((s, 0, 1) for s in range(16) if s % 4)),
    "syncopated": (
        ((0, 0, 3), (3, 0, 3), (6, 7, 2), (10, 0, 2), (12, 12, 2), (14, 7, 2)),
        ((0, 0, 3), (6, 0, 2), (8, 7, 2), (11, 12, 2), (14, 10, 2)),
        ((0, 0, 4), (7, 0, 1), (8, 0, 3), (11, 7, 3)),
    ),
    "slap": (
        ((0, 0, 2), (3, 12, 1), (4, 0, 1), (7, 0, 1), (8, 12, 1), (10, 10, 1), (11, 12, 1), (14, 7, 1), (15, 0, 1)),
        ((0, 0, 3), (3, 12, 1), (6, 0, 2), (9, 12, 1), (10, 7, 2), (13, 10, 1), (14, 12, 1)),
    ),
    "sparse": (((0, 0, 10),), ((0, 0, 6), (10, 0, 6)), ((0, 0, 3), (7, 0, 6))),
    "808": (
        ((0, 0, 10), (10, 0, 5)),
        ((0, 0, 7), (7, 0, 3), (10, 0, 6)),
        ((0, 0, 14),),
        ((0, 0, 6), (10, 12, 3), (13, 0, 3)),
    ),
    "reese": (((0, 0, 16),), ((0, 0, 10), (10, 3, 6)), ((0, 0, 7), (7, 0, 3), (10, -2, 6))),
    "acid": (
        (
            (0, 0, 1),
            (2, 12, 1),
            (3, 0, 1),
            (4, 0, 2),
            (6, 3, 1),
            (8, 0, 1),
            (10, 12, 1),
            (11, 0, 1),
            (13, 7, 1),
            (14, 0, 2),
        ),
        tuple((step, 12 * (step % 3 == 2), 1) for step in range(16)),
    ),
    "walk up": (((0, 0, 4), (4, 4, 4), (8, 7, 4), (12, 9, 4)), ((0, 0, 8), (8, 7, 4), (12, 5, 4))),
}


def bass_bar(
    style: str, root: int, minor: bool, start_s: float, beat_s: float, kicks: list[float], pick: int
) -> list[Note]:
    """One bar of bass on the pitch class ``root``. "follow kick" plays with the drum at the times ``kicks``."""
    low = _BASS_LOW + (root - _BASS_LOW) % 12
    step_s = beat_s / 4
    if style == "follow kick":
        times = sorted(time for time in kicks if start_s - 1e-6 <= time < start_s + 4 * beat_s - 1e-6)
        edges = [*times, start_s + 4 * beat_s]
        return [Note(a, b - 0.01, low, 100) for a, b in pairwise(edges) if b - a > 0.03]
    bars = _BASS_BARS[style]
    notes = []
    for step, interval, length in bars[pick % len(bars)]:
        lowered = interval - 1 if minor and interval in (4, 9) else interval
        at = start_s + step * step_s
        notes.append(Note(at, at + length * step_s * 0.95, low + lowered, 104 if step in (0, 8) else 90))
    return notes


_STRUMS = (
    "D.d.D.dud.duD.du",
    "D...D.u...u.D.u.",
    "D.d.D.d.D.d.D.d.",
    "..D...D...D...D.",
    "D.....u.D.u.....",
    "D.dud.duD.dud.du",
)


def strum_bar(chord: Chord, start_s: float, beat_s: float, pattern: int, rng: np.random.Generator) -> list[Note]:
    """A guitarist's strokes: down (d, D) from the low string, up (u) from the high one, strings some 10 ms apart."""
    pitches = guitar_voicing(chord)
    steps = _STRUMS[pattern % len(_STRUMS)]
    step_s = beat_s / 4
    notes = []
    for number, letter in enumerate(steps):
        if letter == ".":
            continue
        until = next((n for n in range(number + 1, 16) if steps[n] != "."), 16)
        strings = pitches if letter in "dD" else pitches[::-1][:4]
        gap = rng.uniform(0.006, 0.016)
        for string, pitch in enumerate(strings):
            at = start_s + number * step_s + string * gap
            velocity = {"D": 104, "d": 84, "u": 74}[letter] - 3 * string
            notes.append(Note(at, start_s + until * step_s, pitch, velocity))
    return notes


def guitar_voicing(chord: Chord) -> list[int]:
    """Five or six strings between E2 and E5: root at the bottom, chord tones above it."""
    low = 40 + (chord.root - 40) % 12
    classes = {(chord.root + tone) % 12 for tone in chord.tones}
    pitches = [low, low + 7] if 7 in chord.tones else [low]
    at = pitches[-1] + 1
    while len(pitches) < 6 and at < 76:
        if at % 12 in classes and at - pitches[-1] >= 3:
            pitches.append(at)
        at += 1
    return pitches


_COMPS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((0, 16),), ((0, 8), (8, 8)), ((0, 4), (4, 4), (8, 4), (12, 4)), ((0, 3), (3, 3), (6, 2), (8, 3), (11, 3), (14, 2)),
    ((0, 6), (6, 10)), ((2, 2), (6, 2), (10, 2), (14, 2)), ((0, 3), (6, 2), (10, 4)),
    tuple((step, 2) for step in range(0, 16, 2)), ((0, 2), (3, 2), (6, 2), (10, 2), (13, 2)),
)  # fmt: skip


def comp_bar(
    chord: Chord, start_s: float, beat_s: float, pattern: int, previous: list[int] | None
) -> tuple[list[Note], list[int]]:
    """Block chords in the middle of a keyboard; also gives the voicing, for the next bar to move little."""
    pitches = voicing(chord.root, chord.tones, 55, previous)
    step_s = beat_s / 4
    notes = [
        Note(start_s + step * step_s, start_s + (step + length * 0.92) * step_s, pitch, 92 if step in (0, 8) else 78)
        for step, length in _COMPS[pattern % len(_COMPS)]
        for pitch in pitches
    ]
    return notes, pitches


_POWER = (
    "O...............", "O.......O.......", "OmmmOmmmOmmmOmmm", "O.mmO.mmO.mmO.mm", "OmOmOmmOmOmOmmOm",
    "O.O.O.O.O.O.O.O.", "mmmmmmmmmmmmmmmm", "O..O..O.O..O..O.", "OmmOmmOmOmmOmmOm", "O.....mmO.....mm",
    "m.m.m.m.m.m.m.m.",
)  # fmt: skip


def power_bar(chord: Chord, start_s: float, beat_s: float, pattern: int) -> list[Note]:
    """Root, fifth and octave on the low strings: ``O`` rings until the next stroke, ``m`` is muted by the palm."""
    root = 38 + (chord.root - 38) % 12
    steps = _POWER[pattern % len(_POWER)]
    step_s = beat_s / 4
    notes = []
    for number, letter in enumerate(steps):
        if letter == ".":
            continue
        until = next((n for n in range(number + 1, 16) if steps[n] != "."), 16)
        at = start_s + number * step_s
        muted = letter == "m"
        intervals = (0, 7) if muted else (0, 7, 12)
        end = at + min(step_s * 0.9, 0.16) if muted else start_s + until * step_s
        notes += [Note(at, end, root + interval, 92 if muted else 112, muted) for interval in intervals]
    return notes


def arpeggio_bar(chord: Chord, start_s: float, beat_s: float, pattern: int, low: int) -> list[Note]:
    """Chord tones over two octaves in eighths or sixteenths: up, down, up and down, or broken."""
    tones = voicing(chord.root, chord.tones[:3], low)
    ladder = [*tones, *(pitch + 12 for pitch in tones)]
    orders = (
        ladder, ladder[::-1], [*ladder, *ladder[-2:0:-1]], [ladder[i] for i in (0, 2, 1, 3, 2, 4, 3, 5)],
        [ladder[i] for i in (0, 3, 4, 3, 5, 3, 4, 3)],
    )  # fmt: skip
    order = orders[pattern % len(orders)]
    step = 1 if pattern // len(orders) % 2 and beat_s > 0.42 else 2
    length_s = beat_s / 4 * step
    return [
        Note(
            start_s + n * length_s,
            start_s + (n + 0.95) * length_s,
            order[n % len(order)],
            96 if n % (8 // step) == 0 else 78,
        )
        for n in range(16 // step)
    ]


def pad_bar(chord: Chord, start_s: float, beat_s: float, previous: list[int] | None) -> tuple[list[Note], list[int]]:
    """One long chord a bar."""
    pitches = voicing(chord.root, chord.tones, 53, previous)
    return [Note(start_s, start_s + 4 * beat_s * 0.99, pitch, 80) for pitch in pitches], pitches


Riff = Callable[[Chord, float], list[Note]]


def make_riff(scale: tuple[int, ...], key: int, low: int, beat_s: float, rng: np.random.Generator) -> Riff:
    """A short figure that is repeated over every chord, bent to it: a rhythm and steps of the scale."""
    onsets = sorted(rng.choice(16, size=int(rng.integers(4, 10)), replace=False).tolist())
    onsets[0] = 0
    steps = np.clip(np.cumsum(rng.integers(-2, 3, len(onsets))), -3, 5).tolist()
    ladder = [low + o * 12 + degree for o in range(3) for degree in sorted((key + s - low) % 12 for s in scale)]

    def riff(chord: Chord, start_s: float) -> list[Note]:
        base = min(range(len(scale)), key=lambda i: (ladder[i] - chord.root) % 12)
        notes = []
        for onset, until, step in zip(onsets, [*onsets[1:], 16], steps, strict=True):
            pitch = ladder[int(np.clip(base + step, 0, len(ladder) - 1))]
            at = start_s + onset * beat_s / 4
            notes.append(Note(at, at + (until - onset) * beat_s / 4 * 0.9, pitch, 100 if onset % 4 == 0 else 86))
        return notes

    return riff

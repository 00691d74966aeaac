"""A tune over chords: phrases of two bars whose rhythm recurs, chord tones on the beat, scale steps between.

For a singer, an instrument's solo, or a rapper (dense, nearly level).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unbraid.data.studio.harmony import scale_of
from unbraid.data.studio.score import Chord, Score

Tune = list[tuple[float, float, int]]
"""Start and end in seconds, MIDI pitch; one note at a time, in order."""

_LENGTHS = (0.5, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 0.25, 3.0)
_CHANCES = (0.26, 0.12, 0.1, 0.2, 0.1, 0.09, 0.06, 0.04, 0.03)
_RAP_LENGTHS = (0.25, 0.25, 0.5, 0.5, 0.75)


def write_tune(
    score: Score, spans: Sequence[tuple[float, float]], low: int, high: int, rng: np.random.Generator, rap: bool = False
) -> Tune:
    """A tune between MIDI pitches ``low`` and ``high`` in the given spans (seconds)."""
    tune: Tune = []
    current = float(rng.integers(low + 3, max(high - 3, low + 4)))
    rhythms: list[list[float]] = []
    phrase_s = (2 if score.beat_s > 0.35 else 4) * 4 * score.beat_s
    for begin, end in spans:
        for start in np.arange(begin, end - score.beat_s, phrase_s):
            rhythm = _rhythm(rhythms, phrase_s / score.beat_s, rng, rap)
            at = start + float(rng.choice([0.0, 0.0, 0.5, 1.0, -0.5])) * score.beat_s
            for beats in rhythm:
                until = at + abs(beats) * score.beat_s
                if until > min(start + phrase_s, end):
                    break
                if beats > 0 and at >= begin:
                    current = _next_pitch(score, at, current, low, high, rng, level=rap)
                    tune.append((float(at), float(until - 0.03 * score.beat_s), int(current)))
                at = until
    return tune


def harmony_of(tune: Tune, score: Score, steps: int) -> Tune:
    """The tune moved by ``steps`` degrees of the score's scale (2: a third above, -2 below)."""
    scale = scale_of(score.minor)
    moved = []
    for start, end, pitch in tune:
        octave, within = divmod(pitch - score.key, 12)
        degree = min(range(7), key=lambda i: abs(scale[i] - within)) + steps
        moved.append((start, end, score.key + 12 * (octave + degree // 7) + scale[degree % 7]))
    return moved


def chord_at(chords: Sequence[Chord], time_s: float) -> Chord:
    """The chord that sounds at a time; the first one before it begins."""
    held = [chord for chord in chords if chord.start_s <= time_s + 1e-3]
    return held[-1] if held else chords[0]


def _rhythm(known: list[list[float]], beats: float, rng: np.random.Generator, rap: bool) -> list[float]:
    """Lengths in beats that fill most of a phrase, a rest being negative; often one that was heard before."""
    if known and rng.random() < 0.6:
        return known[int(rng.integers(len(known)))]
    rhythm: list[float] = []
    room = beats * (rng.uniform(0.75, 0.98) if rap else rng.uniform(0.45, 0.95))
    while sum(map(abs, rhythm)) < room:
        if rap:
            length = float(rng.choice(_RAP_LENGTHS))
        else:
            length = float(rng.choice(_LENGTHS, p=np.array(_CHANCES) / sum(_CHANCES)))
        rest = rhythm and rhythm[-1] > 0 and rng.random() < 0.06
        rhythm.append(-length if rest else length)
    known.append(rhythm)
    return rhythm


def _next_pitch(
    score: Score, at: float, current: float, low: int, high: int, rng: np.random.Generator, level: bool
) -> float:
    beat = (at / score.beat_s) % 1
    chord = chord_at(score.chords, at)
    if beat < 0.1 or beat > 0.9:
        classes = {(chord.root + tone) % 12 for tone in chord.tones[:3]}
    else:
        classes = {(score.key + step) % 12 for step in scale_of(score.minor, pentatonic=rng.random() < 0.5)}
    candidates = np.array([pitch for pitch in range(low, high + 1) if pitch % 12 in classes])
    if not len(candidates):
        return current
    pull = 0.12 * (current - (low + high) / 2)  # back to the middle of the range
    weights = np.exp(-np.abs(candidates - current + pull) / (1.2 if level else 2.4))
    return float(rng.choice(candidates, p=weights / weights.sum()))

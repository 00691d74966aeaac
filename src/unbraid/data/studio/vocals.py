"""The voices of a song: a lead or a rapper, sometimes doubled, harmonised, or backed by held chords."""

from __future__ import annotations

import numpy as np

from unbraid.data.studio import effects
from unbraid.data.studio.genres import Genre
from unbraid.data.studio.harmony import voicing
from unbraid.data.studio.melody import Tune, harmony_of, write_tune
from unbraid.data.studio.mixing import Part
from unbraid.data.studio.score import Score
from unbraid.data.studio.voice import Role, VoicePart, Voices, sing_part

# Lowest note of a singer's range and its width, in semitones.
_LOW, _HIGH, _WIDTH = 43, 62, (10, 17)


def vocal_parts(
    score: Score, genre: Genre, voices: Voices, room: effects.Room, seconds: float, rng: np.random.Generator
) -> list[Part]:
    """The treated voices, none for an instrumental."""
    if not score.sung or rng.random() > genre.sung:
        return []
    rap = rng.random() < genre.rap
    low = int(rng.integers(_LOW, _HIGH))
    tune = write_tune(score, score.sung, low, low + int(rng.integers(*_WIDTH)), rng, rap=rap)
    if not tune:
        return []
    lead = sing_part(tune, seconds, rng, voices, role="rap" if rap else "lead")
    booth = _Booth(score, voices, room, seconds, rng)
    parts = [booth.part(lead, "rap" if rap else "lead vocal", 0.0)]
    chorus = _latter_half(tune)
    if rng.random() < 0.3:
        doubled = tune if rng.random() < 0.4 else chorus
        parts += booth.pair(doubled, lead, "double", two=rng.random() < 0.35)
    if not rap and rng.random() < 0.32:
        steps = int(rng.choice([2, 2, -2, -3, 4]))
        parts += booth.pair(harmony_of(chorus, score, steps), lead, "harmony", two=rng.random() < 0.3)
    if rng.random() < 0.14:
        parts += booth.choir()
    return parts


class _Booth:
    """Where the voices of one song are recorded: it holds what they all need."""

    def __init__(
        self, score: Score, voices: Voices, room: effects.Room, seconds: float, rng: np.random.Generator
    ) -> None:
        self._score, self._voices, self._room, self._seconds, self._rng = score, voices, room, seconds, rng

    def part(self, line: VoicePart, label: str, place: float) -> Part:
        dry = np.stack([line.samples, line.samples])
        wet = effects.treat(dry, label, "vocals", self._room, self._score.beat_s, self._rng)
        return Part("vocals", label, effects.panned(wet, place), f"voice:{line.source}", line.licence)

    def pair(self, tune: Tune, lead: VoicePart, role: Role, two: bool) -> list[Part]:
        """The tune once more by the lead's singer, or twice, left and right."""
        if not tune:
            return []
        places = [-0.8, 0.8] if two else [float(self._rng.uniform(-0.5, 0.5))]
        return [self.part(self._sing(tune, role, lead), "backing vocal", place) for place in places]

    def choir(self) -> list[Part]:
        """Two or three singers holding the tones of the chords, a bar each."""
        spans = self._score.sung[-1:]
        held = [c for c in self._score.chords if any(a - 1e-6 <= c.start_s < b - 1e-6 for a, b in spans)]
        low, bar_s = int(self._rng.integers(50, 60)), 4 * self._score.beat_s
        chords = [(c.start_s, voicing(c.root, c.tones[:3], low)) for c in held]
        parts = []
        for voice in range(int(self._rng.integers(2, 4))):
            tune = [(start, start + 0.97 * bar_s, pitches[voice]) for start, pitches in chords if voice < len(pitches)]
            if tune:
                line = self._sing(tune, "harmony", None)
                parts.append(self.part(line, "backing vocal", float(self._rng.uniform(-0.9, 0.9))))
        return parts

    def _sing(self, tune: Tune, role: Role, like: VoicePart | None) -> VoicePart:
        return sing_part(tune, self._seconds, self._rng, self._voices, role=role, like=like)


def _latter_half(tune: Tune) -> Tune:
    middle = (tune[0][0] + tune[-1][1]) / 2
    return [note for note in tune if note[0] >= middle]

"""Which songs may lend a stem to which, and how it has to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from unbraid.data.automix.listen import Heard
from unbraid.data.automix.settings import Settings


@dataclass(frozen=True)
class Match:
    """Another song's stem: ``tempo`` times as fast and ``semitones`` higher it fits."""

    of: Heard
    tempo: float
    semitones: int


def match(reference: Heard, other: Heard, settings: Settings) -> Match | None:
    """How ``other`` fits ``reference``; None if tempo or key are further apart than the settings allow."""
    ratios = [reference.tempo_bpm / (other.tempo_bpm * factor) for factor in settings.tempo_factors]
    nearest = min(ratios, key=lambda ratio: abs(np.log(ratio)))
    semitones = transposition(reference.key, other.key)
    if abs(nearest - 1) > settings.tempo_tolerance or abs(semitones) > settings.semitones:
        return None
    return Match(other, float(nearest), semitones)


def transposition(reference: Sequence[float], other: Sequence[float]) -> int:
    """By how many semitones, -5 to 6, ``other`` must go up so that its histogram is most like ``reference``."""
    apart = [float(np.abs(np.subtract(reference, np.roll(other, up))).mean()) for up in range(12)]
    best = int(np.argmin(apart))
    return best if best <= 6 else best - 12


def partner(reference: Heard, others: Sequence[Heard], settings: Settings, rng: Generator) -> Match | None:
    """The first of ``others``, in random order, that fits; None if none does."""
    for index in rng.permutation(len(others)):
        found = match(reference, others[index], settings)
        if found is not None:
            return found
    return None

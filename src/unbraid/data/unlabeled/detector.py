"""A small classifier that hears whether a source is silent: logistic regression on the energies of bands.

It judges one second at a time, from the level of each of 24 bands over that second, how much that level moves within
it, how much of it stands in the middle of the stereo picture, and the same of the seconds around. It learns from songs
whose stems are known, of which any stem may be left out.

For each source the threshold is the lowest score from which on the asked share of seconds was truly without it, on
songs that it did not learn from. Where no threshold reaches that, nothing is ever found for that source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.data.tracks import Song, read_part
from unbraid.data.unlabeled.settings import Settings
from unbraid.errors import UsageError
from unbraid.signal import Samples

_FRAME, _BANDS = 2048, 24
_LOW_HZ, _HIGH_HZ = 40.0, 16_000.0
_STEPS, _RATE_OF_LEARNING, _SHRINK = 400, 0.5, 1e-3
_FLOOR_DB = -60.0  # of a band, below the loudest one: what is under it is not heard

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Detector:
    """For each of ``stems``: ``weights[stem, feature]`` on features less ``centre`` over ``spread``, the last one a
    constant, and the ``thresholds[stem]`` of the score (infinite: never)."""

    stems: tuple[str, ...]
    centre: Numbers
    spread: Numbers
    weights: Numbers
    thresholds: Numbers

    def scores(self, wave: Samples, rate: int) -> Numbers:
        """``[second, stem]``: log odds that the stem is silent in each second of ``wave[channel, time]``."""
        return _with_constant((features(wave, rate) - self.centre) / self.spread) @ self.weights.T

    def __call__(self, wave: Samples, rate: int) -> dict[str, list[bool]]:
        """Stem -> whether it is silent, second by second."""
        absent = self.scores(wave, rate) >= self.thresholds
        return {stem: absent[:, row].tolist() for row, stem in enumerate(self.stems)}

    def raw(self) -> dict[str, Any]:
        """As JSON values, which :func:`from_raw` reads."""
        thresholds = [None if math.isinf(each) else each for each in self.thresholds.tolist()]
        arrays = {"centre": self.centre, "spread": self.spread, "weights": self.weights}
        return {"stems": list(self.stems), "thresholds": thresholds} | {k: v.tolist() for k, v in arrays.items()}


def from_raw(raw: dict[str, Any]) -> Detector:
    """The detector that :meth:`Detector.raw` described; UsageError if ``raw`` is something else."""
    try:
        thresholds = np.array([math.inf if each is None else float(each) for each in raw["thresholds"]])
        centre, spread, weights = (np.asarray(raw[name], np.float64) for name in ("centre", "spread", "weights"))
        return Detector(tuple(raw["stems"]), centre, spread, weights, thresholds)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"this does not describe a detector of absent sources ({error!r})") from error


def learn(songs: Sequence[Song], settings: Settings, rng: Generator, takes: int = 3) -> Detector:
    """Learn from songs whose stems are known, each ``takes`` times with some of its stems left out.

    A quarter of the songs sets the thresholds. UsageError if there are fewer than two songs with these stems.
    """
    usable = [song for song in songs if all(len(target) == 1 for target in song.targets())]
    if len(usable) < 2:
        raise UsageError(f"{len(usable)} of {len(songs)} songs have known stems; a detector learns from two or more")
    order = rng.permutation(len(usable))
    held = max(1, len(usable) // 4)
    judge, teach = (
        [_takes(usable[index], settings, rng, takes) for index in part] for part in (order[:held], order[held:])
    )
    seen, absent = (np.concatenate([each for take in teach for each in take[kind]]) for kind in (0, 1))
    centre, spread = seen.mean(0), seen.std(0) + 1e-6
    weights = _fitted(_with_constant((seen - centre) / spread), absent)
    unseen, truly = (np.concatenate([each for take in judge for each in take[kind]]) for kind in (0, 1))
    scores = _with_constant((unseen - centre) / spread) @ weights.T
    pairs = zip(scores.T, truly.T, strict=True)
    thresholds = np.array([threshold(score, truth > 0.5, settings) for score, truth in pairs])
    return Detector(settings.stems, centre, spread, weights, thresholds)


def threshold(scores: Numbers, absent: NDArray[np.bool_], settings: Settings) -> float:
    """The lowest score from which on ``absent`` holds for the share ``precision``; infinite if none does, or if fewer
    than ``evidence_s`` seconds lie above it."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(absent[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(found >= settings.precision)
    if not len(good) or good[-1] + 1 < settings.evidence_s:
        return math.inf
    # Halfway to the first score that is too low: other songs scatter a little more.
    last, after = order[good[-1]], order[min(good[-1] + 1, len(order) - 1)]
    return float(scores[last] + scores[after]) / 2


def features(wave: Samples, rate: int) -> Numbers:
    """``[second, feature]`` of ``wave[channel, time]``."""
    edges_hz = np.geomspace(_LOW_HZ, min(_HIGH_HZ, rate / 2), _BANDS + 1)
    hz = np.fft.rfftfreq(_FRAME, 1 / rate)
    bands = np.stack([(hz >= low) & (hz < high) for low, high in pairwise(edges_hz)])
    bands[~bands.any(1), 1] = True  # low bands are narrower than a bin
    middle, side = wave.mean(0), (wave[0] - wave[-1]) / 2
    rows = []
    for start in range(0, max(len(middle) - rate + 1, 1), rate):
        energies = [_levels(each[start : start + rate], bands) for each in (middle, side)]
        level_db = 10 * np.log10(energies[0] + energies[1] + 1e-9)
        own = level_db.mean(0)
        share = energies[0].sum(0) / (energies[0].sum(0) + energies[1].sum(0) + 1e-9)
        rows.append(np.concatenate([np.maximum(own - own.max(), _FLOOR_DB), level_db.std(0), share]))
    each = np.array(rows)
    around = (np.roll(each, 1, 0) + np.roll(each, -1, 0)) / 2
    around[[0, -1]] = each[[0, -1]]
    return np.concatenate([each, around], axis=1)


def _levels(wave: Samples, bands: NDArray[np.bool_]) -> Numbers:
    """``[frame, band]`` energies."""
    padded = np.pad(wave, (0, -len(wave) % _FRAME)).reshape(-1, _FRAME) * np.hanning(_FRAME)
    return np.asarray(np.square(np.abs(np.fft.rfft(padded))) @ bands.T.astype(np.float64))


def _takes(song: Song, settings: Settings, rng: Generator, takes: int) -> tuple[list[Numbers], list[Numbers]]:
    """Features of mixtures with stems left out, and whether each stem is silent, ``[second, stem]``."""
    # All stems make the mixture, also those that are not looked for.
    names = dict.fromkeys([*settings.stems, *sorted(name for target in song.targets() for name in target)])
    stems = {name: _stem(song, name) for name in names}
    seen, absent = [], []
    for take in range(takes):
        kept = {name: samples for name, samples in stems.items() if take == 0 or rng.random() < 0.6}
        mixture = sum(kept.values(), np.zeros((2, song.samples), np.float32))
        silent = np.zeros((2, song.samples), np.float32)
        rows = silences(mixture, {name: kept.get(name, silent) for name in stems}, song.rate, settings)
        heard = seconds_db(mixture, song.rate) > settings.silent_db
        seen.append(features(mixture, song.rate)[heard])
        absent.append(np.stack([rows[name] for name in settings.stems], axis=1)[heard].astype(np.float64))
    return seen, absent


def silences(
    mixture: Samples, stems: dict[str, Samples], rate: int, settings: Settings
) -> dict[str, NDArray[np.bool_]]:
    """Stem -> whether it is silent beside the mixture, second by second."""
    loud = seconds_db(mixture, rate)
    return {name: seconds_db(samples, rate) - loud < settings.absent_db for name, samples in stems.items()}


def seconds_db(wave: Samples, rate: int) -> Numbers:
    """RMS of every whole second of ``wave[channel, time]`` (all of it, if it is shorter) below full scale."""
    power = np.square(wave, dtype=np.float64).mean(0)
    whole = len(power) // rate
    means = power[: whole * rate].reshape(whole, rate).mean(1) if whole else power.mean(keepdims=True)
    return np.asarray(10 * np.log10(means + 1e-12))


def _stem(song: Song, name: str) -> Samples:
    silence = np.zeros((2, song.samples), np.float32)
    return sum((read_part(part, 0, song.samples) for part in song.parts_of(frozenset([name]))), silence)


def _fitted(seen: Numbers, absent: Numbers) -> Numbers:
    """Weights ``[stem, feature]`` of the logistic regression, by gradient descent with momentum and a little decay."""
    weights = np.zeros((absent.shape[1], seen.shape[1]))
    speed = np.zeros_like(weights)
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-np.clip(seen @ weights.T, -30, 30)))
        speed = 0.9 * speed + (guess - absent).T @ seen / len(seen) + _SHRINK * weights
        weights = weights - _RATE_OF_LEARNING / seen.shape[1] * speed
    return weights


def _with_constant(seen: Numbers) -> Numbers:
    return np.concatenate([seen, np.ones((len(seen), 1))], axis=1)

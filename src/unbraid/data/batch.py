"""Examples as arrays, and what may still be done with them: curves applied, stems in order, stems exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.signal import Samples

RATE = 44_100


@dataclass(frozen=True)
class Batch:
    """Examples and what is known of them.

    wave: ``[batch, target, channel, time]``. curve: ``[batch, target, freq]``, amplitude factors still to be applied.
    members: ``[batch, target, stem]``, 1 where the target contains the stem. weight: ``[batch, target]``.
    """

    wave: Samples
    curve: Samples
    members: Samples
    weight: Samples

    def stems(self, rate: int = RATE, song_rate: int = RATE) -> Samples:
        """``[batch, stem, channel, time]`` at ``rate`` Hz with the curves applied, for nets that are given waves.

        The curves must have been asked for at even steps from 0 to half of ``song_rate``, the rate of ``wave``.
        UsageError if an example knows only a sum of stems, which has no place in this shape (Mixing.weak = 0).
        """
        exact = (self.members.sum(-1) == 1) & (self.weight > 0)
        if not exact.all():
            item = int(np.argmin(exact.all(1)))
            raise UsageError(f"example {item} knows only a sum of stems; draw with weak = 0, or use members and weight")
        length = self.wave.shape[-1]
        spectrum = np.fft.rfft(self.wave) * _stretched(self.curve, length // 2 + 1)[:, :, None]
        shaped = np.fft.irfft(spectrum, length).astype(np.float32)
        ordered = np.zeros_like(shaped)
        np.put_along_axis(ordered, self.members.argmax(-1)[:, :, None, None], shaped, axis=1)
        if rate == song_rate:
            return ordered
        rows = ordered.reshape(-1, length)
        resampled = np.stack([soxr.resample(row, song_rate, rate) for row in rows])
        return np.asarray(resampled.reshape(*ordered.shape[:-1], -1), np.float32)


def remixed(batch: Batch, rng: Generator, group: int) -> Batch:
    """Each stem shuffled over the examples, within groups of ``group`` in a row (Défossez et al. 2019, section 3).

    Groups keep the chance that two stems stay together what it is, whatever the batch. An example that knows only a
    sum of stems stays as it is.
    """
    place, wave, curve = _places(batch), batch.wave.copy(), batch.curve.copy()
    for start in range(0, len(wave), group):
        items = [item for item in range(start, min(start + group, len(wave))) if (place[item] >= 0).all()]
        for stem in range(batch.members.shape[-1] if items else 0):
            sources = rng.permutation(items)
            into, out_of = place[items, stem], place[sources, stem]
            wave[items, into] = batch.wave[sources, out_of]
            curve[items, into] = batch.curve[sources, out_of]
    return Batch(wave, curve, batch.members, batch.weight)


def _places(batch: Batch) -> NDArray[np.intp]:
    """``[batch, stem]``: the target that is this stem alone, -1 if there is none."""
    alone = (batch.members == 1) & (batch.members.sum(-1, keepdims=True) == 1)
    return np.where(alone.any(1), alone.argmax(1), -1)


def _stretched(curve: Samples, bins: int) -> Samples:
    """``curve[..., freq]`` read off at ``bins`` even steps over the same range."""
    if curve.shape[-1] == bins:
        return curve
    at = np.linspace(0, curve.shape[-1] - 1, bins)
    low = np.minimum(at.astype(int), curve.shape[-1] - 2)
    part = (at - low).astype(np.float32)
    return np.asarray(curve[..., low] * (1 - part) + curve[..., low + 1] * part, np.float32)

"""Levels, effects and mixing: gains do what they promise, and the mix stays the sum of the parts."""

from __future__ import annotations

import numpy as np
import pytest

from unbraid.data.studio.levels import active_rms, ducking_curve, limiter_curve
from unbraid.data.studio.mixing import Part, mastered
from unbraid.data.studio.width import velvet_noise, with_side
from unbraid.signal import Samples

RATE = 44_100


def noise(seed: int, seconds: float = 3.0, level: float = 0.1) -> Samples:
    rng = np.random.default_rng(seed)
    swell = 1 + np.sin(np.arange(int(seconds * RATE)) / RATE * 3) ** 9
    return np.asarray(level * rng.standard_normal((2, len(swell))) * swell, dtype=np.float32)


def test_silence_around_a_sound_does_not_change_its_level() -> None:
    tone = noise(1)
    padded = np.concatenate([np.zeros_like(tone), tone, np.zeros_like(tone)], axis=1)
    assert active_rms(padded) == pytest.approx(active_rms(tone), rel=0.02)
    assert active_rms(np.zeros((2, RATE), np.float32)) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_no_peak_passes_the_limiter(seed: int) -> None:
    peaks = np.abs(noise(seed, level=1.5)).max(axis=0)
    curve = limiter_curve(peaks, 0.9)
    assert (peaks * curve).max() <= 0.9 * (1 + 1e-6)
    assert curve.max() <= 1.0


def test_the_limiter_leaves_quiet_music_alone() -> None:
    np.testing.assert_array_equal(limiter_curve(np.full(RATE, 0.3, np.float32), 0.9), 1.0)


def test_ducking_is_deepest_at_the_hit_and_comes_back() -> None:
    curve = ducking_curve([1.0], 2 * RATE, depth=0.6, recover_s=0.3)
    assert curve[RATE + 2] == pytest.approx(0.4, abs=0.02)
    assert curve[: RATE // 2].min() == pytest.approx(1.0, abs=1e-5)
    assert curve[RATE + int(0.31 * RATE) :].min() == pytest.approx(1.0, abs=1e-5)
    assert np.abs(np.diff(curve)).max() < 0.02  # no click


def test_mastering_multiplies_every_part_by_one_curve() -> None:
    parts = [Part(stem, label, noise(i), "own", "MIT") for i, (stem, label) in enumerate(
        [("drums", "kick"), ("bass", "synth bass"), ("other", "piano")]
    )]  # fmt: skip
    loud = mastered(parts, -8.0)
    curves = [after.samples / before.samples for before, after in zip(parts, loud, strict=True)]
    for curve in curves:
        np.testing.assert_allclose(curve, curves[0][:1].repeat(2, axis=0), rtol=1e-4)
    mix = np.sum([part.samples for part in loud], axis=0)
    assert np.abs(mix).max() <= 0.98
    assert max(np.abs(part.samples).max() for part in loud) <= 1.0


def test_width_is_not_heard_in_mono_and_not_in_the_bass() -> None:
    mono = noise(1)[:1].repeat(2, axis=0)
    wide = with_side(mono, 0.7, velvet_noise(np.random.default_rng(0)))
    np.testing.assert_allclose(wide.sum(axis=0), mono.sum(axis=0), atol=1e-6)
    side, hz = np.fft.rfft(wide[0] - wide[1]), np.fft.rfftfreq(wide.shape[1], 1 / RATE)
    power, middle = np.abs(side) ** 2, np.abs(np.fft.rfft(wide.sum(axis=0))) ** 2
    assert power[hz < 80].sum() < 0.01 * middle[hz < 80].sum()
    above = hz > 1000
    assert power[above].sum() == pytest.approx(0.7**2 * middle[above].sum(), rel=0.2)

"""Integers out of floats: exact where they can be, noise where they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.sounds import noise, on_grid
from unbraid.audio.quantize import Limiter, Quantizer


@pytest.mark.parametrize("bits", [16, 24])
def test_what_lies_on_the_grid_is_not_touched(bits: int) -> None:
    samples = on_grid(10_000, bits)
    whole = Quantizer(bits)(samples)
    np.testing.assert_array_equal(whole, np.rint(samples.astype(np.float64) * (1 << (bits - 1))).astype(np.int32))


def test_silence_stays_silent() -> None:
    assert not Quantizer(16)(np.zeros((2, 1000), np.float32)).any()


def test_24_bits_are_rounded_to_nearest() -> None:
    samples = noise(10_000)
    error = Quantizer(24)(samples) - samples.astype(np.float64) * (1 << 23)
    assert np.abs(error).max() <= 0.5


@pytest.mark.parametrize("offset", [0.1, 0.3, 0.5, 0.9])
def test_dither_makes_the_error_independent_of_the_signal(offset: float) -> None:
    """Triangular dither of two steps: the total error has mean 0 and variance 1/4 for any input (rounding alone would
    err by a constant here)."""
    steps = np.full((1, 200_000), 100 + offset)
    error = Quantizer(16, seed=3)((steps / 32768).astype(np.float32)) - steps
    assert abs(error.mean()) < 0.006
    assert abs(error.var() - 0.25) < 0.005
    assert np.abs(error).max() <= 1.5


def test_dither_is_white_and_differs_between_channels() -> None:
    steps = np.full((2, 100_000), 0.5)
    error = Quantizer(16)((steps / 32768).astype(np.float32)) - steps
    neighbours = np.corrcoef(error[0, :-1], error[0, 1:])[0, 1]
    channels = np.corrcoef(error)[0, 1]
    assert abs(neighbours) < 0.015
    assert abs(channels) < 0.015


def test_the_seed_and_the_place_decide_not_the_blocks() -> None:
    samples = noise(1000)
    whole = Quantizer(16, seed=5)(samples)
    cut = Quantizer(16, seed=5)
    np.testing.assert_array_equal(np.concatenate([cut(samples[:, :301]), cut(samples[:, 301:])], axis=1), whole)
    assert (Quantizer(16, seed=6)(samples) != whole).any()


@pytest.mark.parametrize("bits", [16, 24])
def test_beyond_full_scale_is_cut_and_counted_on_both_sides(bits: int) -> None:
    full = 1 << (bits - 1)
    quantizer = Quantizer(bits)
    whole = quantizer(np.array([[-1.5, -1.0, 0.0, 1.0, 1.5, np.inf]], np.float32))
    assert whole.tolist() == [[-full, -full, 0, full - 1, full - 1, full - 1]]
    assert quantizer.clipped == 4


def test_what_is_no_number_becomes_silence_and_is_counted() -> None:
    quantizer, limiter = Quantizer(16), Limiter()
    broken = np.array([[np.nan, 0.5]], np.float32)
    assert quantizer(broken).tolist() == [[0, 16384]]
    assert limiter(broken).tolist() == [[0, 0.5]]
    assert quantizer.not_finite == limiter.not_finite == 1


def test_the_limiter_cuts_at_full_scale_and_counts() -> None:
    limiter = Limiter()
    assert limiter(np.array([[-2, -1, 0.3, 1, 2]], np.float32)).tolist() == [[-1, -1, np.float32(0.3), 1, 1]]
    assert limiter.clipped == 2

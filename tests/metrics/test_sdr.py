"""uSDR and SI-SDR on signals whose figures are known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unbraid.errors import UsageError
from unbraid.metrics.si_sdr import si_sdr, si_sdr_improvement
from unbraid.metrics.usdr import usdr, usdr_improvement

NOISE = np.random.default_rng(0).standard_normal((3, 2, 300_000)).astype(np.float32)
TRUE, OTHER, MIXTURE = NOISE[0], NOISE[1], NOISE[0] + NOISE[1]


def test_an_error_of_a_tenth_is_twenty_decibels() -> None:
    assert usdr(TRUE, 0.9 * TRUE) == pytest.approx(20, abs=1e-3)


def test_a_tiny_error_keeps_its_digits() -> None:
    assert usdr(TRUE, TRUE * np.float64(1 + 1e-5)) == pytest.approx(100, abs=0.1)


def test_silence_is_zero_decibels_and_given_for_silence_too() -> None:
    assert usdr(TRUE, 0 * TRUE) == pytest.approx(0)
    assert usdr(0 * TRUE, 0 * TRUE) == 0
    assert usdr(0 * TRUE, TRUE) < -100


def test_channels_count_by_their_energy() -> None:
    loud_and_soft = np.array([[1.0], [0.1]], np.float32) * TRUE
    got = loud_and_soft.copy()
    got[1] = 0
    assert usdr(loud_and_soft, got) == pytest.approx(10 * math.log10(101), abs=0.1)


def test_scale_does_not_matter_to_si_sdr_and_noise_does() -> None:
    assert si_sdr(TRUE, 0.3 * (TRUE + 0.1 * OTHER)) == pytest.approx(20, abs=0.1)
    assert si_sdr(TRUE, -5 * (TRUE + 0.1 * OTHER)) == pytest.approx(si_sdr(TRUE, TRUE + 0.1 * OTHER), abs=1e-4)


def test_si_sdr_at_its_ends() -> None:
    left, right = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert si_sdr(left, 2 * left) == math.inf
    assert si_sdr(left, right) == -math.inf
    assert math.isnan(si_sdr(0 * left, right))
    assert math.isnan(si_sdr(left, 0 * right))


def test_the_mixture_improves_by_nothing_and_a_better_estimate_by_the_difference() -> None:
    better = TRUE + 0.1 * OTHER
    for improvement in (usdr_improvement, si_sdr_improvement):
        assert improvement(TRUE, MIXTURE, MIXTURE) == 0
        assert improvement(TRUE, better, MIXTURE) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("metric", [usdr, si_sdr])
def test_signals_of_two_lengths_are_refused(metric: object) -> None:
    with pytest.raises(UsageError, match="one shape"):
        metric(TRUE, TRUE[:, :-1])  # type: ignore[operator]  # a parametrised function has no type here

"""What the four ratios of BSS-Eval mean, stated on signals whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unbraid.errors import UsageError
from unbraid.metrics.bss_eval import bss_eval, median_over_frames

RATE = 4000
TAPS = 32


def sources(seed: int, count: int = 2, channels: int = 2, seconds: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, channels, round(seconds * RATE)))


def test_sdr_is_the_ratio_of_reference_to_error() -> None:
    true = sources(0)
    scores = bss_eval(true, 1.1 * true, RATE, taps=TAPS)
    np.testing.assert_allclose(scores.sdr, 20.0, atol=1e-9)


def test_filtering_its_own_reference_costs_isr_alone() -> None:
    true = sources(1)
    delayed = np.pad(true, [(0, 0), (0, 0), (5, 0)])[..., : true.shape[2]]
    scores = bss_eval(true, delayed, RATE, taps=TAPS)
    assert (scores.isr < 3).all()
    assert (scores.sir > 25).all()
    assert (scores.sar > 15).all()


def test_another_reference_in_the_estimate_costs_sir_alone() -> None:
    true = sources(2)
    scores = bss_eval(true, true + 0.1 * true[::-1], RATE, taps=TAPS)
    np.testing.assert_allclose(scores.sir, 20.0, atol=1.0)
    assert (scores.sar > 60).all()
    assert (scores.isr > 30).all()


def test_noise_that_is_in_no_reference_costs_sar_alone() -> None:
    true = sources(3)
    scores = bss_eval(true, true + 0.1 * sources(4), RATE, taps=TAPS)
    np.testing.assert_allclose(scores.sar, 20.0, atol=0.5)
    assert (scores.sir > 30).all()


def test_a_perfect_estimate_has_infinite_sdr() -> None:
    true = sources(5)
    scores = bss_eval(true, true, RATE, taps=TAPS)
    assert np.isposinf(scores.sdr).all()


def test_the_scale_of_the_song_does_not_matter() -> None:
    true, got = sources(6), sources(6) + 0.3 * sources(7)
    for one, other in zip(
        bss_eval(true, got, RATE, taps=TAPS), bss_eval(8 * true, 8 * got, RATE, taps=TAPS), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_frame_in_which_one_source_is_silent_is_nan_for_all() -> None:
    true = sources(8)
    true[1, :, RATE : 2 * RATE] = 0
    scores = bss_eval(true, true + 0.1, RATE, taps=TAPS)
    for ratio in scores:
        assert np.isnan(ratio[:, 1]).all()
        assert np.isfinite(ratio[:, [0, 2]]).all()


@pytest.mark.parametrize(("seconds", "frames"), [(0.5, 1), (1, 1), (1.9, 1), (2, 2), (3.99, 3)])
def test_frames_that_are_not_whole_are_dropped_unless_there_is_no_other(seconds: float, frames: int) -> None:
    true = sources(9, seconds=seconds)
    assert bss_eval(true, true + sources(10, seconds=seconds), RATE, taps=TAPS).sdr.shape == (2, frames)


def test_overlapping_frames_score_what_they_cover() -> None:
    true, got = sources(11), sources(11) + 0.3 * sources(12)
    overlapping = bss_eval(true, got, RATE, hop=RATE // 2, taps=TAPS)
    for one, other in zip(overlapping, bss_eval(true, got, RATE, taps=TAPS), strict=True):
        np.testing.assert_allclose(one[:, ::2], other, atol=1e-9)


def test_the_figure_of_a_song_is_the_median_without_nan() -> None:
    middle, perfect, nothing = median_over_frames(
        [[1.0, np.nan, 3.0, np.inf, 2.0], [np.nan, np.inf, 7.0, np.inf, np.inf], [np.nan] * 5]
    )
    assert middle == 2.5
    assert perfect == math.inf
    assert math.isnan(nothing)


@pytest.mark.parametrize(
    ("true", "got", "said"),
    [
        (sources(0), sources(0)[:1], "2 references and 1 estimates"),
        (sources(0), sources(0)[:, :, 1:], "must be alike"),
        (sources(0)[0], sources(0)[0], "mono as one channel"),
        (sources(0) * np.nan, sources(0), "reference 0 holds NaN"),
        (sources(0), sources(0) * np.array([1, 0])[:, None, None], "estimate 1 is silent"),
        (np.ones((1, 1, 9), np.int16), np.ones((1, 1, 9), np.int16), "int16"),
        (np.ones((1, 1, 0)), np.ones((1, 1, 0)), "no samples"),
    ],
)
def test_says_what_it_cannot_score(true: np.ndarray, got: np.ndarray, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bss_eval(true, got, RATE)


def test_refuses_a_frame_of_no_samples() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        bss_eval(sources(0), sources(0), 0)

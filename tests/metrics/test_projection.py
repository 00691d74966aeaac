"""The normal equations of BSS-Eval against plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from unbraid.metrics.projection import correlations, projection_filters


@pytest.mark.parametrize("length", [1, 7, 8191, 8192, 300_001])
def test_correlations_are_the_plain_sums_of_products(length: int) -> None:
    rng = np.random.default_rng(length)
    first, second = rng.standard_normal((2, length)), rng.standard_normal((3, length))
    lagged = correlations(first, second, lags=20)
    for lag in (0, 1, 6, 19):
        expected = first[:, : max(length - lag, 0)] @ second[:, lag:].T
        np.testing.assert_allclose(lagged[:, :, lag], expected, atol=1e-9 * length)


def test_a_filtered_reference_gives_its_filter_back() -> None:
    rng = np.random.default_rng(1)
    true = rng.standard_normal((2, 2, 4000))
    true[:, :, -16:] = 0  # so that the filtered signals fit the same length
    filters = rng.standard_normal((2, 2, 2, 2, 16))
    got = np.zeros_like(true)
    for source, channel, target, target_channel in np.ndindex(2, 2, 2, 2):
        taps = filters[source, channel, target, target_channel]
        got[target, target_channel] += np.convolve(true[source, channel], taps)[:4000]
    every, own = projection_filters(true, got, taps=16)
    np.testing.assert_allclose(every, filters, atol=1e-9)
    assert not own[0, :, 1].any()
    assert not own[1, :, 0].any()


def test_equal_references_still_reach_the_estimate() -> None:
    true = np.repeat(np.random.default_rng(2).standard_normal((1, 1, 2000)), 2, axis=0)
    every, _ = projection_filters(true, 0.5 * true, taps=4)
    np.testing.assert_allclose(every.sum(axis=0)[0, :, 0], [[0.5, 0, 0, 0]] * 2, atol=1e-6)

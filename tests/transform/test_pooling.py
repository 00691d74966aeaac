"""A pooled mask is a whole one whose rows are repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.signal import Samples
from unbraid.transform.pooling import Pooling, times
from unbraid.transform.stft import Stft

LAYOUTS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=4)


def repeated(pooling: Pooling, mask: Samples, freqs: int) -> Samples:
    counts = [pool for rows, pool in pooling.groups for _ in range(rows)]
    return np.repeat(mask, counts, axis=-1)[..., :freqs]


@settings(max_examples=200, deadline=None)
@given(groups=LAYOUTS, spare=st.integers(0, 8), frames=st.integers(1, 5))
def test_a_mask_is_repeated_over_its_frequencies(groups: list[tuple[int, int]], spare: int, frames: int) -> None:
    pooling, rng = Pooling(tuple(groups)), np.random.default_rng(0)
    freqs = sum(rows * pool for rows, pool in groups) - spare
    if not pooling.fits(freqs):
        return
    mask, factor = rng.random((frames, pooling.rows), np.float32), np.full((frames, freqs), np.nan, np.float32)
    pooling.spread(mask, factor)
    np.testing.assert_array_equal(factor, repeated(pooling, mask, freqs))
    parts, product = rng.standard_normal((2, frames, freqs), np.float32), np.empty((frames, freqs), np.complex64)
    times(parts, factor, product)
    np.testing.assert_array_equal(product, (parts[0] + 1j * parts[1]) * factor)
    sums = np.full(mask.shape, np.nan, np.float32)
    pooling.put_sums(parts[0], sums)
    # Summing is the transpose of repeating.
    np.testing.assert_allclose((sums * mask).sum(), (parts[0] * factor).sum(), atol=1e-4)


@pytest.mark.parametrize(
    ("groups", "fits"),
    [
        ([(9, 1)], True),
        ([(5, 1), (2, 2)], True),
        ([(5, 1), (2, 3)], True),
        ([(8, 1)], False),
        ([(9, 1), (1, 1)], False),
    ],
)
def test_groups_fit_if_each_is_needed(groups: list[tuple[int, int]], fits: bool) -> None:
    assert Pooling(tuple(groups)).fits(9) is fits


def test_the_inverse_of_a_masked_spectrum_is_that_of_their_product() -> None:
    stft, rng = Stft(64, 16), np.random.default_rng(0)
    signal = rng.standard_normal((2, 1, 2, 700)).astype(np.float32)
    spectrum, parts = stft.forward(signal), stft.parts(signal)
    pooling = Pooling(((17, 1), (8, 2)))
    masks = rng.random((2, 3, 2, spectrum.shape[-1], pooling.rows), np.float32)
    wanted = stft.inverse(spectrum * np.swapaxes(repeated(pooling, masks, stft.freqs), -1, -2), 700)
    np.testing.assert_allclose(stft.inverse_masked(parts, masks, pooling, 700), wanted, atol=1e-6)
    within = rng.random((2, 1, 2, spectrum.shape[-1], pooling.rows), np.float32)
    twice = stft.inverse_masked(parts, masks * within, pooling, 700)
    np.testing.assert_array_equal(stft.inverse_masked(parts, masks, pooling, 700, within=within), twice)
    out = np.full((2, 3, 2, 700), np.nan, np.float32)
    assert stft.inverse_masked(parts, masks, pooling, 700, out=out) is out
    np.testing.assert_allclose(out, wanted, atol=1e-6)

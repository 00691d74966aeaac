"""A pooled mask is a whole one whose rows are repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.signal import Samples
from unbraid.transform.pooling import Pooling
from unbraid.transform.stft import Stft

LAYOUTS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=4)


def repeated(pooling: Pooling, mask: Samples, freqs: int) -> Samples:
    counts = [pool for rows, pool in pooling.groups for _ in range(rows)]
    return np.repeat(mask, counts, axis=-2)[..., :freqs, :]


@settings(max_examples=200, deadline=None)
@given(groups=LAYOUTS, spare=st.integers(0, 8), frames=st.integers(1, 5))
def test_times_is_the_product_with_the_repeated_mask(groups: list[tuple[int, int]], spare: int, frames: int) -> None:
    pooling, rng = Pooling(tuple(groups)), np.random.default_rng(0)
    freqs = sum(rows * pool for rows, pool in groups) - spare
    if not pooling.fits(freqs):
        return
    spectrum = (rng.standard_normal((freqs, frames)) + 1j * rng.standard_normal((freqs, frames))).astype(np.complex64)
    mask = rng.random((pooling.rows, frames), np.float32)
    np.testing.assert_array_equal(pooling.times(spectrum, mask), spectrum * repeated(pooling, mask, freqs))


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
    spectrum = stft.forward(rng.standard_normal((2, 1, 2, 700)).astype(np.float32))
    pooling = Pooling(((17, 1), (8, 2)))
    masks = rng.random((2, 3, 2, pooling.rows, spectrum.shape[-1]), np.float32)
    wanted = stft.inverse(spectrum * repeated(pooling, masks, stft.freqs), 700)
    np.testing.assert_allclose(stft.inverse_masked(spectrum, masks, pooling, 700), wanted, atol=1e-6)
    within = rng.random((2, 1, 2, pooling.rows, spectrum.shape[-1]), np.float32)
    twice = stft.inverse_masked(spectrum, masks * within, pooling, 700)
    np.testing.assert_array_equal(stft.inverse_masked(spectrum, masks, pooling, 700, within=within), twice)
    out = np.full((2, 3, 2, 700), np.nan, np.float32)
    assert stft.inverse_masked(spectrum, masks, pooling, 700, out=out) is out
    np.testing.assert_allclose(out, wanted, atol=1e-6)

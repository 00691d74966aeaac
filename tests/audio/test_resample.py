"""A resampler keeps time, length and pitch, however its input is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.sounds import noise
from unbraid.audio.resample import Resampler, resample, resampled_length
from unbraid.signal import Samples

RATES = [1000, 8000, 22050, 44100, 48000, 96000, 384000]


def in_pieces(samples: Samples, rate_in: int, rate_out: int, sizes: list[int]) -> Samples:
    stream = Resampler(rate_in, rate_out, len(samples))
    parts, start = [], 0
    while start < samples.shape[1]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(samples[:, start : start + size]))
        start += size
    return np.concatenate([*parts, stream.flush()], axis=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.sampled_from(RATES), st.sampled_from(RATES))
def test_the_length_is_the_nearest_whole_number(length: int, rate_in: int, rate_out: int) -> None:
    got = resample(noise(length), rate_in, rate_out).shape
    assert got == (2, resampled_length(length, rate_in, rate_out))
    assert abs(got[1] - length * rate_out / rate_in) <= 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2000), st.lists(st.integers(1, 700), min_size=1, max_size=4))
def test_blocks_of_any_size_give_the_same(length: int, sizes: list[int]) -> None:
    samples = noise(length)
    np.testing.assert_array_equal(in_pieces(samples, 44100, 48000, sizes), resample(samples, 44100, 48000))


@given(st.integers(0, 10_000_000))
def test_up_and_down_again_keeps_the_length(length: int) -> None:
    there = resampled_length(length, 44100, 48000)
    assert resampled_length(there, 48000, 44100) == length


def test_a_tone_stays_in_tune_and_in_time() -> None:
    def tone(rate: int) -> Samples:
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)[None].astype(np.float32)

    resampled = resample(tone(44100), 44100, 48000)
    inner = slice(2000, -2000)
    np.testing.assert_allclose(resampled[:, inner], tone(48000)[:, inner], atol=1e-5)


def test_down_and_up_again_ends_at_the_length_that_is_asked_for() -> None:
    samples = noise(12_345)
    down = resample(samples, 96000, 44100)
    back = resample(down, 44100, 96000, length=12_345)
    assert back.shape == samples.shape


@pytest.mark.parametrize("length", [3, 100, 12_345])
def test_any_length_can_be_asked_for_near_the_end(length: int) -> None:
    whole = resampled_length(length, 44100, 96000)
    for wanted in (whole - 2, whole + 2):
        assert resample(noise(length), 44100, 96000, length=wanted).shape[1] == wanted


def test_equal_rates_change_nothing() -> None:
    samples = noise(1000)
    np.testing.assert_array_equal(in_pieces(samples, 44100, 44100, [7]), samples)

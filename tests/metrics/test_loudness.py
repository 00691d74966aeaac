"""Integrated loudness: the standard's own figures, another implementation, and what loudness must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest

from unbraid.errors import UsageError
from unbraid.metrics.loudness import Loudness, k_weighting, peak_dbfs


def integrated(samples: np.ndarray, rate: int) -> float:
    loudness = Loudness(rate, samples.shape[0])
    loudness.push(samples)
    return loudness.integrated()


def sine(level_dbfs: float, seconds: float, rate: int = 48000) -> np.ndarray:
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, wave]).astype(np.float32)


# EBU Tech 3341, table 1, cases 1 to 5: (level in dBFS, seconds) in a row, and the loudness a meter must show.
EBU_CASES = [
    ([(-23, 20)], -23.0),
    ([(-33, 20)], -33.0),
    ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
]


@pytest.mark.parametrize(("passages", "expected_lufs"), EBU_CASES)
def test_the_ebu_test_signals_read_as_the_standard_says(
    passages: list[tuple[float, float]], expected_lufs: float
) -> None:
    signal = np.concatenate([sine(*passage) for passage in passages], axis=1)
    assert integrated(signal, 48000) == pytest.approx(expected_lufs, abs=0.1)


@pytest.mark.parametrize("rate", [22050, 44100, 96000, 192000])
def test_a_tone_is_equally_loud_at_every_rate(rate: int) -> None:
    assert integrated(sine(-20, 2, rate), rate) == pytest.approx(integrated(sine(-20, 2), 48000), abs=0.05)


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_agrees_with_pyloudnorm_within_a_tenth(rate: int, channels: int) -> None:
    rng = np.random.default_rng(rate + channels)
    swell = np.interp(np.arange(6 * rate), [0, 2 * rate, 4 * rate, 6 * rate], [0.001, 0.3, 0.02, 0.4])
    signal = np.cumsum(rng.standard_normal((channels, 6 * rate)), axis=1)
    signal = swell * np.diff(signal, axis=1, prepend=0) * np.array([[0.5], [0.2]])[:channels]
    expected = pyloudnorm.Meter(rate).integrated_loudness(signal.T)
    assert integrated(signal.astype(np.float32), rate) == pytest.approx(expected, abs=0.1)


def test_at_48_khz_the_filter_is_the_one_in_the_standard() -> None:
    system = k_weighting(48000)
    impulse = [system.direct]
    state = system.drive
    for _ in range(499):
        impulse.append(float(system.observe @ state))
        state = system.step @ state
    b = np.convolve([1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -2, 1])
    a = np.convolve([1, -1.69065929318241, 0.73248077421585], [1, -1.99004745483398, 0.99007225036621])
    recursion = np.zeros(500)
    for t in range(500):
        past = sum(a[k] * recursion[t - k] for k in range(1, 5) if t >= k)
        recursion[t] = (b[t] if t < 5 else 0.0) - past
    np.testing.assert_allclose(impulse, recursion, atol=1e-9)


def test_does_not_depend_on_how_the_stream_is_cut() -> None:
    rng = np.random.default_rng(3)
    signal = (0.1 * rng.standard_normal((2, 100_003))).astype(np.float32)
    loudness = Loudness(44100, 2)
    for piece in np.split(signal, [1, 2, 66, 4410, 50_000, 50_000, 83_001], axis=1):
        loudness.push(piece)
    assert loudness.integrated() == pytest.approx(integrated(signal, 44100), abs=1e-4)


def test_twice_as_loud_is_six_decibels_more_and_polarity_does_not_matter() -> None:
    signal = (0.1 * np.random.default_rng(4).standard_normal((2, 96000))).astype(np.float32)
    assert integrated(-2 * signal, 48000) == pytest.approx(integrated(signal, 48000) + 20 * math.log10(2), abs=1e-3)


def test_a_constant_and_silence_are_not_heard() -> None:
    assert integrated(np.zeros((2, 48000), np.float32), 48000) == -math.inf
    assert Loudness(48000, 1).integrated() == -math.inf
    late = Loudness(48000, 1)
    late.push(np.ones((1, 48000 * 20), np.float32))
    loud = Loudness(48000, 1)
    loud.push(sine(0, 20)[:1])
    assert late.integrated() < loud.integrated() - 15


def test_audio_shorter_than_a_gating_block_has_the_loudness_of_all_of_it() -> None:
    assert integrated(sine(-20, 0.3), 48000) == pytest.approx(-20.0, abs=0.2)


def test_peak() -> None:
    assert peak_dbfs(np.array([[0.25, -0.5], [0.1, 0.0]])) == pytest.approx(20 * math.log10(0.5))
    assert peak_dbfs(np.zeros((2, 10))) == -math.inf
    assert peak_dbfs(np.zeros((2, 0))) == -math.inf


@pytest.mark.parametrize(("rate", "channels", "said"), [(0, 1, "0 Hz"), (2000, 1, "2000 Hz"), (48000, 6, "6 channels")])
def test_says_what_it_cannot_measure(rate: int, channels: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Loudness(rate, channels)


def test_refuses_a_block_of_another_shape() -> None:
    with pytest.raises(UsageError, match=r"\(10,\)"):
        Loudness(48000, 1).push(np.zeros(10, np.float32))

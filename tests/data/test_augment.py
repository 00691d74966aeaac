from __future__ import annotations

import numpy as np
import pytest

from unbraid.data.augment import (
    Change,
    Ranges,
    change_wave,
    curve,
    draw,
    filtered,
    limiter_gain,
    source_length,
)
from unbraid.signal import Samples

RATE = 44_100


def noise(length: int, seed: int = 0) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, length))).astype(np.float32)


def tone(hz: float, length: int) -> Samples:
    return np.tile(np.sin(2 * np.pi * hz * np.arange(length) / RATE), (2, 1)).astype(np.float32)


def loudest_hz(wave: Samples) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(wave[0]))) * RATE / wave.shape[-1])


@pytest.mark.parametrize("seed", range(6))
def test_one_draw_applied_to_two_parts_is_the_draw_applied_to_their_sum(seed: int) -> None:
    change = draw(np.random.default_rng(seed), Ranges(room_chance=0.5))
    length = 8000
    a, b = noise(source_length(change, length), 1), noise(source_length(change, length), 2)
    apart = change_wave(change, a, RATE, length) + change_wave(change, b, RATE, length)
    together = change_wave(change, a + b, RATE, length)
    np.testing.assert_allclose(apart, together, atol=1e-5)
    np.testing.assert_allclose(
        filtered(apart, change, RATE), filtered(change_wave(change, a, RATE, length), change, RATE)
        + filtered(change_wave(change, b, RATE, length), change, RATE), atol=1e-5
    )  # fmt: skip


def test_draws_stay_within_their_ranges_and_repeat_with_the_seed() -> None:
    ranges = Ranges()
    first = [draw(np.random.default_rng(i), ranges) for i in range(200)]
    assert first == [draw(np.random.default_rng(i), ranges) for i in range(200)]
    assert all(abs(c.gain_db) <= 6 and abs(c.tilt_db) <= 9 and 0.88 <= c.speed <= 1.12 for c in first)
    assert {c.swap for c in first} == {True, False} == {c.invert for c in first}


def test_speed_raises_pitch_and_shortens() -> None:
    change = Change(speed=1.1)
    source = tone(1000, source_length(change, 40_000))
    assert loudest_hz(change_wave(change, source, RATE, 40_000)) == pytest.approx(1100, abs=3)


def test_swap_sign_and_gain() -> None:
    wave = noise(1000)
    changed = change_wave(Change(swap=True, invert=True, gain_db=20), wave, RATE, 1000)
    np.testing.assert_allclose(changed, -10 * wave[::-1], rtol=1e-5)


def test_width_scales_the_side_and_leaves_the_middle() -> None:
    wave = noise(1000)
    changed = change_wave(Change(width=2), wave, RATE, 1000)
    np.testing.assert_allclose(changed.sum(0), wave.sum(0), atol=1e-6)
    np.testing.assert_allclose(changed[0] - changed[1], 2 * (wave[0] - wave[1]), atol=1e-6)


def test_without_width_all_is_in_the_middle() -> None:
    wave = noise(1000)
    changed = change_wave(Change(width=0), wave, RATE, 1000)
    np.testing.assert_allclose(changed, np.tile(wave.mean(0), (2, 1)), atol=1e-6)


def test_what_leans_to_a_side_is_louder_there_by_so_much() -> None:
    wave = np.tile(noise(1000)[:1], (2, 1))
    changed = change_wave(Change(pan_db=6), wave, RATE, 1000)
    np.testing.assert_allclose(changed[0], 10 ** (6 / 20) * changed[1], rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(changed[0] * changed[1] * np.sign(wave[0]) ** 2), np.abs(wave[0]), atol=1e-6)


def test_places_are_drawn_only_if_asked_for() -> None:
    usual, placed = Ranges(), Ranges(mono_chance=0.5, pan_chance=0.5, pan_db=9)
    plain = [draw(np.random.default_rng(seed), usual) for seed in range(200)]
    drawn = [draw(np.random.default_rng(seed), placed) for seed in range(200)]
    assert all(change.width > 0 and change.pan_db == 0 for change in plain)
    assert {change.width == 0 for change in drawn} == {True, False} == {change.pan_db == 0 for change in drawn}
    assert all(abs(change.pan_db) <= 9 for change in drawn)
    # All else is as it was.
    assert [change.gain_db for change in plain] == [change.gain_db for change in drawn]


def test_curve_tilts_around_1_khz_and_ends_at_the_low_pass() -> None:
    hz = np.array([0, 100, 1000, 10_000, 20_000], np.float32)
    np.testing.assert_allclose(20 * np.log10(curve(Change(tilt_db=6), hz)), [-3, -3, 0, 3, 3], atol=1e-4)
    low = 20 * np.log10(curve(Change(lowpass_hz=12_000), hz))
    np.testing.assert_allclose(low[:4], 0, atol=1e-4)
    assert low[4] < -75


def test_a_room_only_adds_what_comes_later() -> None:
    click = np.zeros((2, 20_000), np.float32)
    click[:, 100] = 1
    wet = change_wave(Change(room_s=0.5, room_seed=3), click, RATE, 20_000)
    np.testing.assert_allclose(wet[:, :101], click[:, :101], atol=1e-5)
    assert np.abs(wet[:, 600:]).max() > 1e-3


def test_limiter_turns_down_loud_stretches_only_and_silence_not_at_all() -> None:
    loud_late = np.concatenate([noise(44_100), 10 * noise(44_100)], 1)
    gain = limiter_gain(loud_late, 12, RATE)
    assert gain[10_000] > 2 * gain[80_000] > 0
    assert gain.max() <= 1
    np.testing.assert_array_equal(limiter_gain(np.zeros((2, 100), np.float32), 12, RATE), 1)

"""Surround to stereo: where each channel goes, and that nothing gets louder."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.sounds import noise
from unbraid.audio.downmix import downmix, to_stereo

SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")


def alone(channel: int, channels: int) -> np.ndarray:
    samples = np.zeros((channels, 4), np.float32)
    samples[channel] = 1.0
    return samples


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_stay_as_they_are(channels: int) -> None:
    samples = noise(100, channels)
    mixed, said = to_stereo(samples)
    assert mixed is samples
    assert said is None


def test_surround_has_the_weights_of_the_standard_up_to_one_factor() -> None:
    gains = np.array([to_stereo(alone(channel, 6), SURROUND)[0][:, 0] for channel in range(6)])
    half = 0.5**0.5
    expected = [[1, 0], [0, 1], [half, half], [0, 0], [half, 0], [0, half]]
    np.testing.assert_allclose(gains / gains[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "layout"),
    [
        (6, SURROUND),
        (8, (*SURROUND, "SL", "SR")),
        (4, ("FL", "FR", "BL", "BR")),
        (3, ("FL", "FR", "BC")),
        (40, ()),
        (5, ()),
    ],
)
def test_the_loudest_input_stays_within_itself_and_both_sides_are_alike(channels: int, layout: tuple[str, ...]) -> None:
    loudest, said = to_stereo(np.ones((channels, 3), np.float32), layout)
    assert loudest.shape == (2, 3)
    assert 0.2 < loudest.min() <= loudest.max() <= 1 + 1e-6
    assert said is not None and str(channels) in said


def test_nameless_channels_are_averaged_odd_left_even_right() -> None:
    samples = np.arange(1, 6, dtype=np.float32)[:, None].repeat(3, 1)
    mixed, _ = to_stereo(samples)
    np.testing.assert_allclose(mixed[:, 0] / mixed[0, 0], [1, (2 + 4) / (1 + 3 + 5)])


def test_six_nameless_channels_are_taken_for_surround_and_it_is_said() -> None:
    guess, named = downmix(6), downmix(6, SURROUND)
    assert guess.weights is not None and named.weights is not None
    np.testing.assert_array_equal(guess.weights, named.weights)
    assert guess.said != named.said


def test_channels_above_the_head_do_not_get_lost() -> None:
    layout = (*SURROUND, "TFL", "TFR")
    for channel in (0, 6):
        mixed, _ = to_stereo(alone(channel, 8), layout)
        assert mixed[0, 0] > 0

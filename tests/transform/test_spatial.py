"""Two channels tell more than each alone, and promise what masks promise."""

from __future__ import annotations

import numpy as np
import pytest

from unbraid.signal import Samples
from unbraid.transform.pooling import Pooling
from unbraid.transform.spatial import places
from unbraid.transform.stft import Stft

STFT, POOLING, LENGTH = Stft(256, 64), Pooling(((65, 1), (32, 2))), 64 * 99


def panned(rng: np.random.Generator, left: float, right: float) -> Samples:
    """Noise that comes and goes, at one place: ``[channel, time]``."""
    wave = rng.standard_normal(LENGTH) * np.repeat(rng.random(99) ** 4, 64)
    return (np.array([[left], [right]]) * wave).astype(np.float32)


def masks_of(stems: Samples) -> Samples:
    """Shares of power, of each channel alone, blurred as a net's are: ``[stem, channel, frame, row]``."""
    powers = np.square(STFT.parts(stems)).sum(2)
    rows = np.zeros((*powers.shape[:3], POOLING.rows), np.float32)
    for place in np.ndindex(powers.shape[:2]):
        POOLING.put_sums(powers[place], rows[place])
    shares = (rows + 1e-9) / (rows + 1e-9).sum(0)
    return (0.7 * shares + 0.3 / len(stems)).astype(np.float32)


@pytest.fixture
def stems() -> Samples:
    rng = np.random.default_rng(0)
    return np.stack([panned(rng, 1, 0.1), panned(rng, 0.3, 0.9), panned(rng, 0.7, 0.7)])


def test_filters_sum_to_the_identity(stems: Samples) -> None:
    model = places(STFT.parts(stems.sum(0)), masks_of(stems), POOLING)
    whole = sum(model.filters(np.eye(3)[stem]) for stem in range(3))
    np.testing.assert_allclose(whole, np.broadcast_to(np.eye(2)[:, :, None, None], whole.shape), atol=1e-4)
    np.testing.assert_allclose(model.filters([1, 1, 1]), whole, atol=1e-4)
    np.testing.assert_array_equal(model.filters([0, 0, 0]), 0)


def test_what_lies_apart_is_told_apart_better_than_by_masks(stems: Samples) -> None:
    mix, masks = stems.sum(0), masks_of(stems)
    parts = STFT.parts(mix)
    model = places(parts, masks, POOLING)
    masked = STFT.inverse_masked(parts, masks, POOLING, LENGTH)
    ours = [STFT.inverse_filtered(parts, model.filters(np.eye(3)[stem]), POOLING, LENGTH) for stem in range(3)]
    errors = [np.square(each - stems).sum((1, 2)) for each in (masked, np.stack(ours))]
    assert (errors[1] < errors[0]).all()
    assert (errors[1][:2] < errors[0][:2] / 1.25).all(), "by 1 dB or more, what lies at the sides"


def test_what_lies_in_one_place_is_masked(stems: Samples) -> None:
    """Mono as two channels: each stem's share, nothing from one channel to the other that matters."""
    mono = np.repeat(stems[:, :1], 2, axis=1)
    parts, masks = STFT.parts(mono.sum(0)), masks_of(mono)
    model = places(parts, masks, POOLING)
    for stem in range(3):
        masked = STFT.inverse_masked(parts, masks[stem], POOLING, LENGTH)
        ours = STFT.inverse_filtered(parts, model.filters(np.eye(3)[stem]), POOLING, LENGTH)
        np.testing.assert_allclose(ours, masked, atol=1e-3)


@pytest.mark.parametrize("gain", [1e-6, 1e4])
def test_the_mix_s_level_changes_nothing(stems: Samples, gain: float) -> None:
    parts, masks = STFT.parts(stems.sum(0)), masks_of(stems)
    one, other = (places(each, masks, POOLING).filters([1, 0, 0]) for each in (parts, parts * np.float32(gain)))
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_silence_and_an_empty_channel_are_finite(stems: Samples) -> None:
    masks = masks_of(stems)
    silence = np.zeros_like(STFT.parts(stems[0]))
    quiet = places(silence, masks, POOLING).filters([1, 0, 0])
    np.testing.assert_allclose(quiet[0, 0], masks[0].mean(0), atol=1e-6)
    np.testing.assert_allclose(quiet[0, 1], 0, atol=1e-6)
    alone = STFT.parts(stems.sum(0))
    alone[1] = 0
    ours = STFT.inverse_filtered(alone, places(alone, masks, POOLING).filters([0, 1, 0]), POOLING, LENGTH)
    assert np.isfinite(ours).all() and not ours[1].any(), "nothing comes into an empty channel"


def test_what_is_quiet_above_what_is_loud_is_still_in_its_place() -> None:
    """A stem that is loud below, at changing places, and as good as absent above gets nothing of what sounds there."""
    rng = np.random.default_rng(1)
    low, high = (np.where(np.arange(STFT.freqs) < 30, *each).astype(np.float32) for each in ((1e3, 0), (0, 1)))
    parts = rng.standard_normal((2, 2, 100, STFT.freqs)).astype(np.float32) * low
    parts[0, :, ::2], parts[1, :, 1::2] = 0, 0  # from side to side
    parts += rng.standard_normal((1, 2, 100, STFT.freqs)).astype(np.float32) * high * 1e-4
    bass = np.where(np.arange(POOLING.rows) < 30, 1 - 1e-5, 1e-5).astype(np.float32)
    masks = np.broadcast_to(np.stack([bass, 1 - bass])[:, None, None], (2, 2, 100, POOLING.rows)).astype(np.float32)
    assert np.abs(places(parts, masks, POOLING).filters([1, 0])[..., 45:]).max() < 1e-3

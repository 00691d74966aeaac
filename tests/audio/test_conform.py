"""Sound that changes on the way becomes uniform without a gap in time."""

from __future__ import annotations

import numpy as np

from tests.audio.sounds import noise
from unbraid.audio.conform import Conform, with_channels
from unbraid.audio.resample import resample


def test_what_is_as_it_should_be_passes_untouched() -> None:
    conform, block = Conform(44100, 2), noise(100)
    assert conform.push(block, 44100, ()) is block
    assert conform.flush().shape == (2, 0)
    assert not conform.changed


def test_stretches_of_another_rate_are_resampled_as_a_whole() -> None:
    conform = Conform(44100, 2)
    before, between, after = noise(1000), noise(4800, seed=1), noise(1000, seed=2)
    parts = [conform.push(before, 44100, ())]
    parts += [conform.push(between[:, start : start + 700], 48000, ()) for start in range(0, 4800, 700)]
    parts += [conform.push(after, 44100, ()), conform.flush()]
    expected = np.concatenate([before, resample(between, 48000, 44100), after], axis=1)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)
    assert conform.changed


def test_a_change_at_the_very_end_is_flushed() -> None:
    conform = Conform(44100, 1)
    parts = [conform.push(noise(4800, 1), 48000, ()), conform.flush(), conform.flush()]
    assert sum(part.shape[1] for part in parts) == 4410


def test_channels() -> None:
    assert with_channels(noise(10, 1), 2).shape == (2, 10)
    np.testing.assert_allclose(with_channels(np.array([[1.0], [0.5]], np.float32), 1), [[0.75]])
    assert with_channels(noise(10, 6), 2).shape == (2, 10)
    assert with_channels(noise(10, 2), 6).shape == (6, 10)
    assert not with_channels(noise(10, 2), 6)[2:].any()

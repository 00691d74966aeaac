"""Ours against museval 0.4.1, the reference implementation of BSS-Eval 4: every frame, every song's figure."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from bench.peers import peer

from unbraid.metrics.bss_eval import bss_eval, median_over_frames

museval = peer("museval")

TOLERANCE_DB = 1e-3


def song(seed: int, sources: int, channels: int, seconds: float, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """References that share a room and a spectrum, and estimates with leaks, a delay and noise."""
    rng = np.random.default_rng(seed)
    length = round(seconds * rate)
    true = rng.standard_normal((sources, channels, length)) * rng.uniform(0.05, 0.5, (sources, 1, 1))
    true = np.cumsum(true - true.mean(axis=-1, keepdims=True), axis=-1)
    true = 0.1 * np.diff(true, axis=-1, prepend=0, append=0)[..., :length] + 0.01 * true / rate**0.5
    true += 0.7 * true[:, ::-1]
    got = true + 0.1 * true.sum(axis=0) + 0.02 * rng.standard_normal(true.shape)
    got[..., 9:] += 0.2 * true[..., :-9]
    return true, got


def no_error_is_infinite(decibels: object) -> np.ndarray:
    """Beyond 200 dB museval's figures are its rounding errors."""
    values = np.array(decibels)
    values[values > 200] = np.inf
    return values


def assert_equal_to_museval(true: np.ndarray, got: np.ndarray, rate: int) -> None:
    ours = bss_eval(true, got, rate)
    store = museval.TrackStore("song")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = museval.evaluate(true.swapaxes(1, 2), got.swapaxes(1, 2), win=rate, hop=rate)
        for index in range(len(true)):
            ratios = dict(zip(["SDR", "ISR", "SIR", "SAR"], [ratio[index] for ratio in theirs], strict=True))
            store.add_target(str(index), {name: ratio.tolist() for name, ratio in ratios.items()})
        frames = store.df
    np.testing.assert_allclose(no_error_is_infinite(ours), no_error_is_infinite(theirs), atol=TOLERANCE_DB)
    figures = frames.astype({"score": float}).groupby(["metric", "target"])["score"].median()
    for name, ratio in zip(["SDR", "ISR", "SIR", "SAR"], ours, strict=True):
        if name == "SIR" and len(true) == 1:
            continue  # infinite throughout, which museval calls NaN
        np.testing.assert_allclose(median_over_frames(ratio), figures[name].sort_index(), atol=TOLERANCE_DB)


def test_stereo_stems_some_silent_for_a_while() -> None:
    rate = 8000
    true, got = song(1, sources=3, channels=2, seconds=5.3, rate=rate)
    true[0, :, rate : 2 * rate + 9] = 0
    got[2, :, 4 * rate :] = 0
    assert_equal_to_museval(true, got, rate)


@pytest.mark.parametrize(("sources", "channels"), [(1, 1), (1, 2), (3, 1)])
def test_mono_and_few_sources(sources: int, channels: int) -> None:
    assert_equal_to_museval(*song(2, sources, channels, seconds=3, rate=8000), rate=8000)


@pytest.mark.parametrize("seconds", [0.2, 0.999, 1.0])
def test_songs_no_longer_than_a_frame(seconds: float) -> None:
    assert_equal_to_museval(*song(3, sources=2, channels=2, seconds=seconds, rate=8000), rate=8000)


def test_a_perfect_estimate_and_a_pure_side_signal() -> None:
    true, got = song(4, sources=2, channels=2, seconds=4, rate=8000)
    got[0, :, :8000] = true[0, :, :8000]
    true[1, 1, 8000:16000] = -true[1, 0, 8000:16000]
    assert_equal_to_museval(true, got, rate=8000)


def test_a_voice_in_the_middle_whose_channels_are_equal() -> None:
    true, got = song(5, sources=2, channels=2, seconds=3, rate=8000)
    true[0, 1] = true[0, 0]
    assert_equal_to_museval(true, got, rate=8000)

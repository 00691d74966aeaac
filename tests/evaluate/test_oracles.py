"""The ideal ratio mask and the mixture, as bounds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.songs import RATE, STEMS, noise
from unbraid.evaluate import oracles
from unbraid.evaluate.oracles import bounds, ideal_ratio_mask
from unbraid.evaluate.song import Song
from unbraid.metrics.usdr import usdr
from unbraid.transform.stft import Stft


def song(seconds: float = 2, channels: int = 2) -> Song:
    """Four tones with a little noise, so that masks can tell them apart."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    tones = [0.1 * np.sin(2 * np.pi * hz * time_s) for hz in (200, 500, 1100, 2300)]
    parts = [(tone + noise(seed, seconds, channels, 0.01)).astype(np.float32) for seed, tone in enumerate(tones)]
    return Song("song", RATE, np.sum(parts, axis=0), dict(zip(STEMS, parts, strict=True)))


def test_the_mask_beats_the_mixture_by_far() -> None:
    heard = song()
    masked = ideal_ratio_mask(heard)
    for stem, truth in heard.stems.items():
        assert usdr(truth, masked[stem]) > usdr(truth, heard.mixture) + 15


def test_the_masked_stems_add_up_to_the_mixture() -> None:
    heard = song()
    np.testing.assert_allclose(sum(ideal_ratio_mask(heard).values()), heard.mixture, atol=1e-5)


def test_a_song_cut_into_segments_is_masked_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = song(seconds=4.1)
    whole = ideal_ratio_mask(heard)
    monkeypatch.setattr(oracles, "_MASK_SEGMENT", 8 * 1024)
    for stem, samples in ideal_ratio_mask(heard).items():
        np.testing.assert_allclose(samples, whole[stem], atol=1e-6)


def test_what_is_in_no_stem_is_kept_out_of_the_stems() -> None:
    heard = song()
    more = Song("song", RATE, heard.mixture + noise(9, 2, 2), heard.stems)
    vocals = heard.stems["vocals"]
    assert usdr(vocals, ideal_ratio_mask(more)["vocals"]) > usdr(vocals, _mask_of_stems_alone(more))


def _mask_of_stems_alone(heard: Song) -> np.ndarray:
    transform = Stft(4096, 1024)
    magnitudes = np.abs(transform.forward(np.stack(list(heard.stems.values()))))
    mask = magnitudes[0] / (magnitudes.sum(axis=0) + 1e-12)
    return transform.inverse((mask * transform.forward(heard.mixture)).astype(np.complex64), heard.mixture.shape[1])


def test_the_mixture_is_given_for_every_stem() -> None:
    heard = song(seconds=0.1)
    entrant = next(entrant for entrant in bounds() if entrant.name == "mixture")
    assert all(samples is heard.mixture for samples in entrant.estimate(heard).values())
    assert entrant.bound


def test_bounds_answer_words_too() -> None:
    heard = song()
    drums = heard.stems["drums"]
    labelled = Song(heard.name, heard.rate, heard.mixture, heard.stems, {"snare": drums})
    mixture, mask = (entrant.ask for entrant in bounds())
    assert mixture is not None
    assert mask is not None
    np.testing.assert_array_equal(mixture(labelled, ["snare"])["snare"], heard.mixture)
    assert usdr(drums, mask(labelled, ["snare"])["snare"]) > usdr(drums, heard.mixture) + 15

"""Batches: stems in order with their curves, and stems exchanged within groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from demucs.augment import Remix

from tests.data.songs import BAND, STEMS, write_song, write_studio
from tests.data.test_sample import LENGTH, STILL, WHOLE, sampler
from unbraid.data.augment import Ranges
from unbraid.data.batch import Batch, remixed
from unbraid.data.sample import Mixing
from unbraid.errors import UsageError


def batch_of(examples: int, length: int = 64, bins: int = 5) -> Batch:
    wave = np.random.default_rng(0).standard_normal((examples, 4, 2, length)).astype(np.float32)
    members = np.tile(np.eye(4, dtype=np.float32), (examples, 1, 1))
    return Batch(wave, np.ones((examples, 4, bins), np.float32), members, np.ones((examples, 4), np.float32))


def test_stems_come_in_order_with_their_curves() -> None:
    batch = batch_of(2)
    batch.members[1] = np.eye(4)[[2, 0, 1, 3]]
    batch.curve[:, 0] = np.linspace(0, 1, 5)
    stems = batch.stems()
    np.testing.assert_allclose(stems[0, 1:], batch.wave[0, 1:], atol=1e-5)
    np.testing.assert_allclose(stems[1, [0, 1]], batch.wave[1, [1, 2]], atol=1e-5)
    ramp = np.fft.irfft(np.fft.rfft(batch.wave[1, 0]) * np.linspace(0, 1, 33), 64)
    np.testing.assert_allclose(stems[1, 2], ramp, atol=1e-5)
    assert batch_of(1, 4410).stems(rate=22_050).shape == (1, 4, 2, 2205)


def test_a_sum_of_stems_has_no_place_among_them(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=1)
    write_song(root / "train" / "real", 9, BAND)
    with pytest.raises(UsageError, match="weak = 0"):
        sampler(root, Mixing(weak=1), STILL).batch([0], 2).stems()


def test_the_sum_of_targets_is_the_sum_of_stems(tmp_path: Path) -> None:
    batch = sampler(write_studio(tmp_path), WHOLE, STILL).batch([3], 2)
    np.testing.assert_allclose(batch.stems().sum(1), batch.wave.sum(1), atol=1e-5)


def test_remix_in_groups_is_that_of_demucs_for_the_same_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(8)
    ours = remixed(batch, np.random.default_rng(7), group=4)
    rng = np.random.default_rng(7)
    keys = torch.zeros(2, 4, 4, 1, 1)  # what it sorts by, so that it comes to our permutations
    for group in range(2):
        for stem in range(4):
            keys[group, torch.from_numpy(rng.permutation(4)), stem, 0, 0] = torch.arange(4.0)
    monkeypatch.setattr(torch, "rand", lambda *size, device=None: keys)
    theirs = Remix(proba=1, group_size=4).train()(torch.from_numpy(batch.wave.copy()))
    np.testing.assert_array_equal(ours.wave, theirs.numpy())
    assert not np.array_equal(ours.wave, batch.wave)


def test_remix_moves_curves_along_and_leaves_sums_alone() -> None:
    batch = batch_of(6)
    batch.curve[:] = batch.wave.mean((2, 3))[..., None]
    batch.members[1, 1] = [0, 1, 1, 0]
    mixed = remixed(batch, np.random.default_rng(1), group=3)
    np.testing.assert_allclose(mixed.curve[..., 0], mixed.wave.mean((2, 3)), atol=1e-6)
    np.testing.assert_array_equal(mixed.wave[1], batch.wave[1])
    for start in (0, 3):
        group = slice(start, start + 3)
        np.testing.assert_allclose(np.sort(mixed.wave[group], 0), np.sort(batch.wave[group], 0))


def test_a_sampler_remixes_codes_and_weighs(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=2)
    write_song(root / "train" / "real", 9, BAND)
    drawn = sampler(root, Mixing(weak=1, rest_weight=0.25, drop_target=0), STILL).batch([0], 1)
    assert sorted(drawn.weight[0]) == [0, 0, 0.25, 1]
    plain = sampler(root, WHOLE, STILL).batch([5], 4)
    grouped = sampler(root, Mixing(0, 0, 0, 0, 0, group=2), STILL).batch([5], 4)
    np.testing.assert_allclose(np.sort(grouped.wave, 0)[0], np.sort(plain.wave, 0)[0])
    assert not np.array_equal(grouped.wave, plain.wave)
    coded = sampler(root, WHOLE, Ranges(**{**vars(STILL), "codec_chance": 1.0})).batch([5], 1)
    assert coded.wave.shape == plain.wave[:1].shape == (1, len(STEMS), 2, LENGTH)
    error = np.square(coded.wave - plain.wave[:1]).sum() / np.square(plain.wave[:1]).sum()
    assert 1e-6 < error < 1

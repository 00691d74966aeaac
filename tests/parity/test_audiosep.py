"""AudioSep through unbraid against its published definition, written out in tests/parity/audiosep_models."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity import audiosep_models as published
from tests.parity import clap_models
from tests.parity.demucs_models import snr_db
from unbraid.zoo.adopt.audiosep import build
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.load import load


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def music(channels: int, length: int) -> np.ndarray:
    time = np.arange(length) / 32_000
    tones = np.sin(2 * np.pi * np.outer([220, 331, 1760], time)).sum(0) * np.exp(-3 * (time % 0.25))
    return (0.1 * tones + 0.02 * noise(channels, length)).astype(np.float32)


def test_the_published_net_has_the_published_number_of_weights() -> None:
    sizes = {
        name: math.prod(shape)
        for name, shape in published.shapes(published.PUBLISHED).items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    film = sum(size for name, size in sizes.items() if name.startswith(published.FILM))
    assert (sum(sizes.values()) - film, film) == (21_391_813, 5_056_128)
    assert sum(kernel.numel() for kernel in published.transforms().values()) == 12_587_008


def test_one_window_of_the_published_size_comes_out_as_published(tmp_path: Path) -> None:
    state = published.random_state(published.PUBLISHED)
    path = published.save(tmp_path / "audiosep.ckpt", state, clap_models.random_state())
    separator = load(str(path), device="cpu").members[0].separator
    mix, query = music(2, 9_900), unit(noise(1, 512, seed=2))
    asked = separator(mix[None], query[None]).asked
    assert asked is not None
    expected = published.separate(state, torch.from_numpy(mix[1]), torch.from_numpy(query[0]))
    assert snr_db(expected, asked[0, 0, 1]) > 80


@pytest.mark.parametrize("length", [1025, 9600, 10_241])
def test_windows_of_other_lengths_too(length: int, tmp_path: Path) -> None:
    state = published.random_state(published.SMALL, seed=length)
    net, _ = build(read_checkpoint(published.save(tmp_path / "small.ckpt", state, clap_models.random_state())))
    mix, query = torch.from_numpy(music(1, length)), torch.from_numpy(unit(noise(1, 512)))
    with torch.inference_mode():
        answer = net(mix[None], query[None])
    assert snr_db(published.separate(state, mix[0], query[0]), answer[0, 0, 0]) > 80


def test_one_whole_segment_too_whatever_is_asked(tmp_path: Path) -> None:
    state = published.random_state(published.SMALL)
    net, spec = build(read_checkpoint(published.save(tmp_path / "small.ckpt", state, clap_models.random_state())))
    mix, queries = torch.from_numpy(music(1, spec.segment)), torch.from_numpy(unit(noise(2, 512)))
    with torch.inference_mode():
        first, second = net(mix[None], queries[None])[0, :, 0]
    assert snr_db(published.separate(state, mix[0], queries[0]), first) > 80
    assert snr_db(published.separate(state, mix[0], queries[1]), second) > 80
    assert snr_db(first, second) < 40, "the query has to matter"

"""Whole songs, cut, padded, blended and averaged: our engine against demucs' ``apply_model``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from demucs.apply import BagOfModels, apply_model
from demucs.pretrained import get_model
from demucs.states import load_model
from torch import nn

from tests.parity.demucs_models import FOUR, RATE, make, noise, save_th, snr_db
from unbraid.api.model import Model
from unbraid.engine.contract import Separated
from unbraid.runtime.torch import TorchSeparator
from unbraid.zoo.load import load

WANTED_DB = 90.0


@pytest.mark.parametrize(
    ("name", "segments"),
    [
        *(("htdemucs", 0.4), ("htdemucs", 1.0), ("htdemucs", 2.7), ("htdemucs-6", 1.6)),
        *(("hdemucs", 0.4), ("hdemucs", 2.7), ("hdemucs-old", 1.6), ("hdemucs-magnitude", 1.6)),
        *(("demucs", 0.4), ("demucs", 1.0), ("demucs", 2.7)),
    ],
)
def test_songs_of_any_length(name: str, segments: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_th(make(name), tmp_path / "net.th", monkeypatch)
    original = load_model(path)
    song = music(int(segments * original.segment * RATE))
    assert snr_db(by_demucs(original, song), by_us(path, song)) > WANTED_DB


@pytest.mark.parametrize("weights", [None, [[1, 0, 0.5, 2], [1, 1, 0, 0.25]]], ids=["equal", "weighted"])
def test_bags(weights: list[list[float]] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The bag's segment is longer than the first member's, which keeps its own, and shorter than the second's.
    names = [bag_member(name, tmp_path, monkeypatch, number) for number, name in enumerate(["htdemucs", "hdemucs"])]
    lines = [f"models: {names}", "segment: 0.2", *([f"weights: {weights}"] if weights else [])]
    (tmp_path / "both.yaml").write_text("\n".join(lines))
    original = get_model("both", repo=tmp_path)
    assert [int(model.segment * RATE) for model in original.models] == [4001, 8820]
    song = music(11_000)
    assert snr_db(by_demucs(original, song), by_us(tmp_path / "both.yaml", song)) > WANTED_DB


def test_one_stem_of_a_fine_tuned_bag_equals_that_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [bag_member("htdemucs", tmp_path, monkeypatch, number) for number in range(4)]
    eye = np.eye(4, dtype=int).tolist()
    (tmp_path / "tuned.yaml").write_text(f"models: {names}\nweights: {eye}\n")
    model, song = Model(load(str(tmp_path / "tuned.yaml"), runtime="torch", device="cpu")), music(9000)
    heard: list[int] = []
    answer = TorchSeparator.__call__

    def watched(self: TorchSeparator, *given: Any) -> Separated:
        heard.append(id(self._net))
        return answer(self, *given)

    monkeypatch.setattr(TorchSeparator, "__call__", watched)
    whole = model.separate(song, RATE)
    assert len(set(heard)) == 4
    heard.clear()
    alone = model.separate(song, RATE, stems=["vocals"])
    assert len(set(heard)) == 1, "the other members were asked for stems that nobody wants"
    assert list(alone) == ["vocals"]
    np.testing.assert_array_equal(alone["vocals"], whole["vocals"])


def bag_member(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> str:
    """A file named as demucs names the members of its bags, by a signature and the beginning of its SHA-256."""
    signature, path = f"{seed:08x}", folder / "member.th"
    save_th(make(name, seed), path, monkeypatch)
    path.rename(folder / f"{signature}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.th")
    return signature


def music(length: int) -> np.ndarray:
    """Noise with an offset and a swell, so that normalisation and blending have something to do."""
    swell = torch.linspace(0.05, 1.0, length)
    return (0.2 * noise(2, length) * swell + 0.01).numpy()


def by_demucs(model: nn.Module | BagOfModels, song: np.ndarray) -> np.ndarray:
    """As ``demucs.separate`` does, without shifts."""
    mix = torch.from_numpy(song)
    mono = mix.mean(0)
    mean, deviation = mono.mean(), mono.std() + 1e-8
    stems = apply_model(model, ((mix - mean) / deviation)[None], shifts=0, split=True, overlap=0.25)[0]
    return np.asarray(stems * deviation + mean)


def by_us(path: Path, song: np.ndarray) -> np.ndarray:
    stems = Model(load(str(path), runtime="torch", device="cpu")).separate(song, RATE)
    assert tuple(stems)[:4] == tuple(FOUR)
    return np.stack(list(stems.values()))

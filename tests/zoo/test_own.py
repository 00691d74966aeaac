"""Weights that unbraid trained are a model like any other, and their header is trusted no more than any other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import unbraid
from tests.laws.tiny import SIZES
from unbraid.errors import ModelError
from unbraid.nets.registry import NETS
from unbraid.query.encoder import TableEncoder
from unbraid.train.start import fresh, save_weights
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.load import load

ASKED = {**SIZES["audiosep"], "rate": 8000, "embedding": TableEncoder().size}


@pytest.mark.parametrize("name", sorted(NETS))
def test_every_net_of_the_registry_is_read_back(name: str, tmp_path: Path) -> None:
    from unbraid.zoo.adopt import own

    net = fresh(name, SIZES[name])
    save_weights(net, tmp_path / "mine.safetensors")
    again, spec = own.build(read_checkpoint(tmp_path / "mine.safetensors"), "mine")
    assert asdict(again.config) == asdict(net.config)
    assert spec == net.spec("mine")
    held = again.state_dict()
    assert all(torch.equal(held[key], value) for key, value in net.state_dict().items())
    # Also what is in no file, such as windows.
    assert all(buffer.device.type == "cpu" for buffer in again.buffers())


def test_a_trained_net_is_asked_by_the_words_in_the_package(tmp_path: Path) -> None:
    net = fresh("audiosep", ASKED)
    save_weights(net, tmp_path / "mine.safetensors", {"words": "table"})
    mix = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32) / 10
    model = unbraid.load(str(tmp_path / "mine.safetensors"))
    stems = model.separate(mix, 8000, ask=["the violin"])
    query = torch.from_numpy(TableEncoder().encode(["the violin"]))[None]
    with torch.no_grad():
        whole = net.eval()(torch.from_numpy(mix)[None], query)[0, 0].numpy()
    heard = stems["the_violin"]
    assert heard.shape == mix.shape and np.abs(heard).max() > 0
    # The engine hears the song in pieces, so only what both have in common is compared.
    np.testing.assert_allclose(heard[:, :400], whole[:, :400], atol=np.abs(whole).max() / 2)


def test_clap_is_asked_for_by_name(tmp_path: Path) -> None:
    save_weights(fresh("audiosep", ASKED), tmp_path / "mine.safetensors", {"words": "clap"})
    model = unbraid.load(str(tmp_path / "mine.safetensors"))
    with pytest.raises(ModelError, match="is without it; put music_speech_audioset"):
        model.encode("a harp")


def written(folder: Path, config: Any, net: str = "waveunet", **notes: str) -> Path:
    weights = fresh("waveunet", SIZES["waveunet"]).state_dict()
    path = folder / "bad.safetensors"
    save_file(
        {key: value.contiguous() for key, value in weights.items()}, path, {"net": net, "config": config, **notes}
    )
    return path


def config(**changes: Any) -> str:
    return json.dumps({**asdict(fresh("waveunet", SIZES["waveunet"]).config), **changes})


@pytest.mark.parametrize(
    ("told", "net", "notes", "message"),
    [
        ("{", "waveunet", {}, "not JSON"),
        ("[1]", "waveunet", {}, "config was expected"),
        (config(), "os.system", {}, "no net is called 'os.system'"),
        (config(colour=1), "waveunet", {}, "fits no net"),
        (config(levels=1 << 20), "waveunet", {}, "'levels' beyond 16384"),
        (config(levels="many"), "waveunet", {}, "no net"),
        (config(stems=["a"] * 3), "waveunet", {}, "lacks 'waveunets.a"),
        (config(kernel=7), "waveunet", {}, "wrong shape"),
        (config(channels=float("inf")), "waveunet", {}, "'channels' beyond"),
        ("[" * 100_000, "waveunet", {}, "JSON|deeply"),
        (config(), "waveunet", {"words": "pickle"}, "is asked by 'pickle'"),
    ],
)
def test_headers_that_lie_are_refused(
    told: str, net: str, notes: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))
    with pytest.raises(ModelError, match=message):
        load(str(written(tmp_path, told, net, **notes)), device="cpu")

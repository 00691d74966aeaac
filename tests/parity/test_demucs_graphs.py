"""Exported graphs, as onnxruntime and OpenVINO run them, against torch and against demucs itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from demucs.states import load_model
from torch import nn

from tests.parity.demucs_models import RATE, make, noise, save_th, snr_db
from tests.parity.test_demucs_songs import by_demucs, music
from unbraid.api.model import Model
from unbraid.errors import ModelError
from unbraid.nets.convtasnet import ConvTasNet, ConvTasNetConfig
from unbraid.runtime import onnx, openvino
from unbraid.runtime.facts import read_facts
from unbraid.runtime.torch import TorchSeparator
from unbraid.spec import Spec
from unbraid.zoo.adopt.demucs import build
from unbraid.zoo.export import export
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.load import load

WANTED_DB = 70.0


def from_demucs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, Spec]:
    return build(read_checkpoint(save_th(make(name), folder / "net.th", monkeypatch)), name)


def conv_tasnet(*_: object) -> tuple[nn.Module, Spec]:
    torch.manual_seed(0)
    net = ConvTasNet(ConvTasNetConfig(filters=16, bottleneck=8, hidden=12, blocks=3, repeats=2, segment=3007))
    return net, net.spec("tasnet")


@pytest.mark.parametrize("name", ["htdemucs", "hdemucs", "hdemucs-bands", "demucs", "tasnet"])
def test_a_graph_answers_as_torch_does(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_net: Callable[..., tuple[nn.Module, Spec]] = conv_tasnet if name == "tasnet" else from_demucs
    net, spec = make_net(name, tmp_path, monkeypatch)
    facts = read_facts(export(net, spec, tmp_path, {"licence": "MIT"}))
    assert (facts.spec.stems, facts.spec.rate, facts.card["licence"]) == (spec.stems, spec.rate, "MIT")
    separators = TorchSeparator(net, spec), onnx.load(facts), openvino.load(facts)
    # A net of any length is a graph of any length, shorter and longer than the LSTM frames of every layer.
    lengths = [facts.spec.segment] if spec.fixed_length else [3000, 27_001]
    for length in map(spec.valid_length, lengths):
        mix = torch.stack([noise(2, length), noise(2, length, 2)]).numpy()[: 1 if spec.fixed_length else 2]
        wanted, *others = (separator(mix).stems for separator in separators)
        for other in others:
            assert snr_db(wanted, other) > WANTED_DB, length


@pytest.mark.parametrize(
    ("name", "length"),
    [("htdemucs", 10_802), *((name, length) for name in ("hdemucs", "hdemucs-magnitude") for length in (5000, 16_000))]
    + [("demucs", length) for length in (3000, 9000)],
)
def test_songs_through_the_graph(name: str, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short songs and tails are given to a net of any length as short as they are, as demucs does."""
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))
    path = save_th(make(name), tmp_path / "net.th", monkeypatch)
    song = music(length)
    model = Model(load(str(path), runtime="onnx", device="cpu"))
    stems = np.stack(list(model.separate(song, RATE).values()))
    assert snr_db(by_demucs(load_model(path), song), stems) > WANTED_DB
    assert not list((tmp_path / "home").rglob("*.part"))


def test_nets_that_no_graph_can_hold_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, why in (("hdemucs-wiener", "Wiener"), ("hdemucs-old", "pads its STFT")):
        net, spec = from_demucs(name, tmp_path, monkeypatch)
        with pytest.raises(ModelError, match=why):
            export(net, spec, tmp_path)
    assert not list(tmp_path.glob("*.onnx"))

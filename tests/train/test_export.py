from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.train.tiny import recipe
from unbraid.errors import ModelError
from unbraid.nets.compact import Compact
from unbraid.runtime.facts import read_facts
from unbraid.runtime.onnx import load
from unbraid.train import export
from unbraid.train.loop import build


@pytest.fixture
def net(tmp_path: Path) -> Compact:
    built = build(recipe(tmp_path / "songs"))
    for layer in built.head.out:
        torch.nn.init.normal_(layer.get_parameter("weight"))
    return built


def test_the_runtime_gives_what_the_rounded_net_gives(net: Compact, tmp_path: Path) -> None:
    assert export.export(net, tmp_path / "out", "small", {"licence": "CC0"}) > 80
    separator = load(read_facts(tmp_path / "out" / "small.json"))
    mix = torch.randn(3, 2, separator.spec.segment)
    with torch.no_grad():
        expected = export.rounded(net)(mix).numpy()
    np.testing.assert_allclose(separator(mix.numpy()).stems, expected, atol=2e-4)
    assert json.loads((tmp_path / "out" / "small.json").read_text())["licence"] == "CC0"


def test_large_weights_are_stored_in_half_precision(net: Compact, tmp_path: Path) -> None:
    export.export(net, tmp_path, "small", {})
    weights = onnx.load(tmp_path / "small.onnx").graph.initializer
    sizes = {kind: sum(math.prod(w.dims) for w in weights if w.data_type == kind) for kind in (1, 10)}
    assert sizes[onnx.TensorProto.FLOAT16] > 20 * sizes[onnx.TensorProto.FLOAT]


def test_a_graph_that_disagrees_is_not_written(net: Compact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_agreement_db", lambda *_: 79.0)
    with pytest.raises(ModelError, match="79 dB"):
        export.export(net, tmp_path / "out", "small", {})
    assert list((tmp_path / "out").iterdir()) == []

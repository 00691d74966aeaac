from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.laws.tiny import SIZES
from tests.train.tiny import recipe
from unbraid.errors import ModelError
from unbraid.nets.compact import Compact
from unbraid.runtime.facts import read_facts
from unbraid.runtime.onnx import load
from unbraid.train import checkpoint, export
from unbraid.train.loop import train
from unbraid.train.start import build, fresh
from unbraid.train.storing import rounded


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
        expected = rounded(net)(mix).numpy()
    np.testing.assert_allclose(separator(mix.numpy()).stems, expected, atol=2e-4)
    assert json.loads((tmp_path / "out" / "small.json").read_text())["licence"] == "CC0"


@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_a_graph_takes_pieces_of_any_length_that_its_facts_name(net: Compact, tmp_path: Path, pieces: int) -> None:
    """It was traced at the longest; a shorter one must not be padded to that, nor be answered for otherwise."""
    export.export(net, tmp_path / "out", "small", {})
    separator = load(read_facts(tmp_path / "out" / "small.json"))
    spec = separator.spec
    assert (spec.segment, spec.shortest, spec.multiple) == (64 * 31, 64 * 7, 2 * 64)
    assert spec == net.spec("small"), "torch cuts a song as the graph does"
    mix = torch.randn(2, 2, spec.shortest + pieces * spec.multiple)
    with torch.no_grad():
        expected = rounded(net)(mix).numpy()
    np.testing.assert_allclose(separator(mix.numpy()).stems, expected, atol=2e-4)


def test_a_graph_that_disagrees_is_not_written(net: Compact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_agreement_db", lambda *_: 79.0)
    with pytest.raises(ModelError, match="79 dB"):
        export.export(net, tmp_path / "out", "small", {})
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_exports_its_averaged_weights(tmp_path: Path) -> None:
    tiny = recipe(tmp_path / "songs", "schedule.steps=2")
    train(tiny, tmp_path / "run")
    assert export.main([str(tmp_path / "run"), str(tmp_path / "out"), "--licence", "CC0"]) == 0
    averaged = checkpoint.read_weights(tmp_path / "run" / "best")
    written = load_file(tmp_path / "out" / "compact.safetensors")
    assert written.keys() == averaged.keys()
    assert all(torch.equal(written[name], averaged[name]) for name in written)
    facts = json.loads((tmp_path / "out" / "compact.json").read_text())
    assert facts["training"]["step"] == 2 and facts["licence"] == "CC0"


def test_a_run_without_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "has no best checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["unet", "waveunet"])
def test_other_nets_are_exported_as_they_are_used(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    built = fresh(name, SIZES[name]).eval()
    assert export.export(built, tmp_path, "small", {"licence": "CC0"}) > 80
    separator = load(read_facts(tmp_path / "small.json"))
    mix = torch.randn(1, 2, separator.spec.segment)
    # Weights of masks are rounded, see above.
    kept = rounded(built) if name == "unet" else built
    with torch.no_grad():
        np.testing.assert_allclose(separator(mix.numpy()).stems, kept(mix).numpy(), atol=1e-3)

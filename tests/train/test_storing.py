"""Weights stored small: what is lost, what is not, and that they are found again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.runtime.words import CONFIG, HEAD
from unbraid.nets.compact_words import CompactWords, CompactWordsConfig
from unbraid.runtime import onnx as onnx_runtime
from unbraid.runtime import openvino
from unbraid.runtime.facts import read_facts
from unbraid.train import bundled_net
from unbraid.train.query_export import export_words
from unbraid.train.storing import rounded, stored
from unbraid.zoo import bundled

# Large enough for matrices of every kind to become whole numbers: one for each band, an LSTM's, and plain ones.
SHAPE = CompactWordsConfig(
    **{**vars(CONFIG), "width": 32, "hidden": 32, "near": 48, "mixer": 8, "head": 32},
    words=replace(HEAD, head=32, listen=24),
)


@pytest.fixture(scope="module")
def net() -> CompactWords:
    torch.manual_seed(0)
    built = CompactWords(SHAPE).eval()
    for layer in built.head.out:
        torch.nn.init.normal_(layer.get_parameter("weight"))
    with torch.no_grad():  # the exporter joins tensors that are equal, as a trained net's are not
        for weight in built.state_dict().values():
            weight.add_(torch.randn_like(weight), alpha=0.01)
    return built


@pytest.fixture(scope="module")
def folder(net: CompactWords, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stored")
    assert export_words(net, net.words, out, "compact", {}) > 80
    return out


def test_rounding_is_within_half_a_step_and_happens_once(net: CompactWords) -> None:
    small = rounded(net)
    for name, weight in net.state_dict().items():
        step = weight.abs().max() / (127 if weight.numel() >= 4096 else 1024)
        assert (small.state_dict()[name] - weight).abs().max() <= step * 0.501, name
    again = rounded(small).state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in small.state_dict().items())


def test_matrices_are_stored_in_8_bits_and_small_tensors_in_16(folder: Path) -> None:
    for name, share in (("compact.onnx", 0.8), ("compact-words.onnx", 0.6)):
        weights = onnx.load(folder / name).graph.initializer
        sizes = {kind: sum(math.prod(w.dims) for w in weights if w.data_type == kind) for kind in (1, 3, 10)}
        assert sizes[onnx.TensorProto.INT8] > share * sum(sizes.values())
        assert sizes[onnx.TensorProto.FLOAT] < 0.1 * sum(sizes.values())


def test_a_matrix_without_whole_numbers_is_halved() -> None:
    """As of a net whose layers are of other kinds."""
    values = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float16).astype(np.float32)
    tensor = onnx.numpy_helper.from_array(values, "w")
    node, ends = onnx.helper.make_node("MatMul", ["x", "w"], ["y"]), []
    for name in ("x", "y"):
        ends.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 64)))
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [tensor])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    assert [each.name for each in stored(model).graph.initializer] == ["w.half"]


def test_both_runtimes_widen_them(net: CompactWords, folder: Path) -> None:
    mix = torch.randn(1, 2, SHAPE.segment, generator=torch.Generator().manual_seed(0))
    query = torch.cat([torch.randn(1, 1, HEAD.words), torch.ones(1, 1, 4)], 2)
    with torch.no_grad():
        expected = rounded(net)(mix).numpy()
    answers = [
        load(read_facts(folder / "compact.json"))(mix.numpy(), query.numpy())
        for load in (onnx_runtime.load, openvino.load)
    ]
    for answer in answers:
        np.testing.assert_allclose(answer.stems, expected, atol=2e-4)
    np.testing.assert_allclose(answers[1].asked, answers[0].asked, atol=2e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("first", [bundled_net._FIRST, bundled_net._FIRST + (1 << 23) - 1000])
def test_weights_are_read_back_from_a_package(
    net: CompactWords, folder: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Also where numbers go on beyond those that count by ones."""
    monkeypatch.setattr(bundled, "facts_path", lambda: folder / "compact.json")
    monkeypatch.setattr(bundled_net, "CompactWordsConfig", lambda: SHAPE)
    monkeypatch.setattr(bundled_net, "_FIRST", first)
    found, small = bundled_net.bundled_net().state_dict(), rounded(net).state_dict()
    assert found.keys() == small.keys()
    assert all(torch.equal(found[name], weight) for name, weight in small.items())

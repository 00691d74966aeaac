from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from tests.runtime.words import HEAD, nets, write_words
from unbraid.errors import ModelError
from unbraid.runtime import onnx, openvino
from unbraid.runtime.facts import read_facts
from unbraid.runtime.graph import GraphSeparator
from unbraid.runtime.words import Run, once_asked
from unbraid.signal import Samples
from unbraid.train.storing import rounded

LENGTH = 128 * 31


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_words(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def separator(graph: Path) -> GraphSeparator:
    return onnx.load(read_facts(graph.with_suffix(".json")))


def mix(batch: int = 1) -> Samples:
    return np.random.default_rng(0).standard_normal((batch, 2, LENGTH)).astype(np.float32)


def queries(weights: list[list[float]], batch: int = 1) -> Samples:
    words = np.random.default_rng(1).standard_normal((batch, len(weights), HEAD.words)).astype(np.float32)
    return np.concatenate([words, np.tile(np.array(weights, np.float32), (batch, 1, 1))], 2)


def test_stems_are_bit_equal_with_and_without_words(separator: GraphSeparator) -> None:
    plain = separator(mix())
    asked = separator(mix(), queries([[0, 1, 0, 0], [1, 1, 1, 1]]))
    np.testing.assert_array_equal(plain.stems, asked.stems)
    assert plain.asked is None and asked.asked is not None and asked.presence is not None
    assert asked.asked.shape == (1, 2, 2, LENGTH) and asked.presence.shape == (1, 2)


def test_the_graphs_answer_as_torch_does(separator: GraphSeparator) -> None:
    net, head = nets()
    given, query = mix(2), queries([[0, 0, 0, 1]], 2)
    answer = separator(given, query)
    with torch.no_grad():
        stft = net.stft(torch.from_numpy(given))
        tokens = net.trunk(stft)
        mask, logit = head(tokens, torch.from_numpy(query[:, 0]))
    assert answer.presence is not None and answer.asked is not None
    np.testing.assert_allclose(answer.presence[:, 0], logit.sigmoid().numpy(), atol=5e-3)  # weights in half precision
    assert mask.shape[0] == 2
    energy = np.square(answer.asked).sum((1, 2, 3))
    assert (energy > 0).all() and (energy < np.square(answer.stems[:, 3]).sum((1, 2))).all(), "no louder than its stem"


@pytest.mark.parametrize("runtime", [onnx, openvino], ids=["onnx", "openvino"])
@pytest.mark.parametrize("hops", [7, 9, 31])
def test_pieces_of_any_length_are_answered_as_by_torch(graph: Path, runtime: ModuleType, hops: int) -> None:
    """The graphs were traced at one length: nothing in them may know it."""
    net, head = (rounded(each) for each in nets())
    given, query = mix(2)[..., : 128 * hops], queries([[0, 0, 0, 1], [1, 1, 1, 1]], 2)
    answer = runtime.load(read_facts(graph.with_suffix(".json")))(given, query)
    with torch.no_grad():
        stems = net(torch.from_numpy(given)).numpy()
        tokens = net.trunk(net.stft(torch.from_numpy(given)))
        presence = [head(tokens, torch.from_numpy(query[:, number]))[1].sigmoid().numpy() for number in range(2)]
    np.testing.assert_allclose(answer.stems, stems, atol=1e-3)
    np.testing.assert_allclose(answer.presence, np.stack(presence, 1), atol=1e-3)
    assert answer.asked.shape == (2, 2, 2, 128 * hops)


def test_several_stems_may_be_asked_at_once(separator: GraphSeparator) -> None:
    """Of all stems, which sum to the mix, is of the mix: the same as all weights one, but summed."""
    alike = np.repeat(queries([[1, 1, 1, 1]]), 2, axis=1)
    alike[0, 1, HEAD.words :] = [1, 1, 1, 1 - 1e-6]
    answer = separator(mix(), alike).asked
    assert answer is not None
    np.testing.assert_allclose(answer[:, 0], answer[:, 1], atol=1e-3 * np.abs(answer).max())


def test_presence_alone_is_the_same(separator: GraphSeparator) -> None:
    query = queries([[0, 1, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(separator.hear(mix(), query), separator(mix(), query).presence)


def test_openvino_agrees(graph: Path, separator: GraphSeparator) -> None:
    query = queries([[0, 1, 0, 0]])
    ours, theirs = separator(mix(), query), openvino.load(read_facts(graph.with_suffix(".json")))(mix(), query)
    assert ours.asked is not None and theirs.asked is not None
    np.testing.assert_allclose(theirs.asked, ours.asked, atol=1e-4)


def test_a_model_without_a_head_takes_no_queries(graph: Path, tmp_path: Path) -> None:
    for name in ("tiny.onnx", "tiny.json"):
        shutil.copy(graph.parent / name, tmp_path)
    plain = onnx.load(read_facts(tmp_path / "tiny.json"))
    assert plain.spec.embedding is None
    with pytest.raises(ModelError, match="takes no queries"):
        plain(mix(), queries([[1, 1, 1, 1]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trunk": "0" * 64}, "another tiny.onnx"),
        ({"graph": "../tiny-words.onnx"}, "does not describe"),
        ({"words": -1}, "does not describe"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_head_that_does_not_belong_is_refused(
    graph: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    shutil.copytree(graph.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tiny-words.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        onnx.load(read_facts(tmp_path / "tiny.json"))


def test_a_query_of_another_size_is_refused(separator: GraphSeparator) -> None:
    with pytest.raises(ModelError, match="numbers"):
        separator(mix(), np.zeros((1, 1, 7), np.float32))


def test_the_second_graph_is_made_once_and_when_something_is_asked() -> None:
    made: list[int] = []

    def make() -> Run:
        made.append(1)
        return lambda inputs: inputs

    run = once_asked(make)
    assert made == []
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, [{}] * 8)) == [{}] * 8
    assert made == [1]

"""A graph with its facts is a separator, whatever its front end and whatever runs it; broken ones are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.graphs import SEGMENT, SHARES, write_graph
from unbraid.errors import ModelError
from unbraid.runtime import onnx, openvino
from unbraid.runtime.facts import read_facts
from unbraid.runtime.graph import GraphSeparator

RUNTIMES: list[Callable[..., GraphSeparator]] = [onnx.load, openvino.load]


@pytest.mark.parametrize("load", RUNTIMES)
@pytest.mark.parametrize("answer", ["wave", "mask", "both"])
def test_every_front_end_on_every_runtime(tmp_path: Path, answer: str, load: Callable[..., GraphSeparator]) -> None:
    separator = load(read_facts(write_graph(tmp_path, answer)))
    mix = np.random.default_rng(0).standard_normal((3, 2, SEGMENT)).astype(np.float32)
    stems = separator(mix).stems
    assert stems.shape == (3, 2, 2, SEGMENT)
    expected = np.array(SHARES, np.float32)
    if answer == "both":
        expected = expected * 2 - expected
    np.testing.assert_allclose(stems, mix[:, None] * expected[:, None, None], atol=1e-5)


def test_where_stems_sum_to_the_mix_the_last_is_what_the_others_leave(tmp_path: Path) -> None:
    mix = np.random.default_rng(0).standard_normal((3, 2, SEGMENT)).astype(np.float32)
    each = onnx.load(read_facts(write_graph(tmp_path, "mask")))(mix).stems
    left = onnx.load(read_facts(write_graph(tmp_path, "mask", sums_to_mix=True)))(mix).stems
    np.testing.assert_array_equal(left[:, 0], each[:, 0])
    np.testing.assert_allclose(left, each, atol=2e-6)
    np.testing.assert_allclose(left.sum(1), mix, atol=1e-6)


def test_what_the_runtime_does_not_need_is_kept_for_the_screen(tmp_path: Path) -> None:
    assert read_facts(write_graph(tmp_path, "mask", figures={"sdr": 3.0})).card == {
        "licence": "MIT",
        "figures": {"sdr": 3.0},
    }


def test_a_graph_for_any_length_says_which(tmp_path: Path) -> None:
    spec = read_facts(write_graph(tmp_path, "mask", lengths={"segment": 1500, "first": 100, "step": 7})).spec
    assert (spec.fixed_length, spec.segment) == (False, 1500)
    assert [spec.valid_length(length) for length in (1, 100, 101, 107, 108)] == [100, 100, 107, 107, 114]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format"),
        ({"rate": "44100"}, "rate is '44100'"),
        ({"rate": 0}, "rate = 0"),
        ({"channels": True}, "channels is True"),
        ({"stems": ["../../etc/passwd"]}, "stems"),
        ({"stems": []}, "stems"),
        ({"stems": ["a", "a"]}, "names a stem twice"),
        ({"segment": 10**12}, "segment"),
        ({"graph": "../toy.onnx"}, "graph"),
        ({"front": "magic"}, "front is 'magic'"),
        ({"normalize": None}, "normalize"),
        ({"stft": {"n_fft": 512, "hop": 300, "window": "hann", "pad": "zeros"}}, "stft"),
        ({"stft": {"n_fft": 2**40, "hop": 2**30, "window": "hann", "pad": "zeros"}}, "stft"),
        ({"overlap": "much"}, "overlap"),
        ({"lengths": {"segment": 2048, "first": 0, "step": 1}}, "lengths"),
        ({"lengths": {"segment": 10**6, "first": 1, "step": 1}}, "lengths"),
        ({"lengths": {"segment": 2048, "first": 1}}, "lengths"),
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"layout": None}, "earlier version of unbraid.*export it again"),
        ({"layout": ["frames"]}, "export it again"),
        ({"sums_to_mix": 1}, "sums_to_mix is 1"),
        ({"spatial": "yes"}, "spatial is 'yes'"),
        ({"spatial": True}, "spatial is True"),
        ({"spatial": True, "sums_to_mix": True, "channels": 1}, "spatial is True"),
        ({"stft": {"n_fft": 512, "hop": 128, "window": "hann", "pad": "demucs"}}, "padded by"),
        ({"pooled": []}, "pooled"),
        ({"pooled": [257, 1]}, "pooled"),
        ({"pooled": [[257, True]]}, "pooled"),
        ({"pooled": [[257, 0]]}, "pooled"),
        ({"pooled": [[128.5, 2]]}, "pooled"),
        ({"pooled": [[10**400, 1]]}, "pooled"),
        ({"pooled": [[256, 1]]}, "pooled"),
        ({"pooled": [[257, 1], [1, 1]]}, "pooled"),
    ],
)
def test_wrong_facts_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write_graph(tmp_path, "mask", **changes)
    with pytest.raises(ModelError, match=message):
        onnx.load(read_facts(path))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": 1}', "[" * 100_000, "\xff\xfe"])
def test_a_json_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toy.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"toy\.json"):
        read_facts(path)


@pytest.mark.parametrize("load", RUNTIMES)
def test_a_graph_that_is_none_is_refused(tmp_path: Path, load: Callable[..., GraphSeparator]) -> None:
    path = write_graph(tmp_path, "wave")
    data = b"this is no graph" * 100
    (tmp_path / "toy.onnx").write_bytes(data)
    facts = json.loads(path.read_text())
    import hashlib

    path.write_text(json.dumps({**facts, "sha256": hashlib.sha256(data).hexdigest()}))
    with pytest.raises(ModelError, match=r"toy\.onnx"):
        load(read_facts(path))


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path, "wave")
    (tmp_path / "toy.onnx").unlink()
    with pytest.raises(ModelError, match=r"toy\.onnx.*No such file"):
        onnx.load(read_facts(path))
    with pytest.raises(ModelError, match=r"none\.json"):
        read_facts(tmp_path / "none.json")


@pytest.mark.parametrize("pooled", [[[257, 1]], [[128, 1], [65, 2]]])
def test_a_mask_of_other_rows_than_the_facts_say_is_refused(tmp_path: Path, pooled: list[list[int]]) -> None:
    """The graph's has a row for each frequency."""
    separator, mix = onnx.load(read_facts(write_graph(tmp_path, "mask", pooled=pooled))), np.ones((1, 2, SEGMENT))
    if sum(rows for rows, _ in pooled) == 257:
        assert separator(mix.astype(np.float32)).stems.shape == (1, 2, 2, SEGMENT)
        return
    with pytest.raises(ModelError, match=r"toy\.onnx: a mask has the shape"):
        separator(mix.astype(np.float32))


def test_an_output_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path, "wave")
    path.write_text(path.read_text().replace('"answer": "wave"', '"answer": "mask", "layout": "frames"'))
    separator = onnx.load(read_facts(path))
    with pytest.raises(ModelError, match="no output called mask"):
        separator(np.ones((1, 2, SEGMENT), np.float32))

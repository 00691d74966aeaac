"""Small ONNX graphs whose answer is known in closed form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

STEMS = ("vocals", "rest")
SHARES = (0.25, 0.75)
SEGMENT = 2048
STFT = {"n_fft": 512, "hop": 128, "window": "hann", "pad": "zeros"}


def write_graph(folder: Path, answer: str, shares: dict[str, float] | None = None, **changes: Any) -> Path:
    """A graph that gives each stem its share of the mix, as ``answer`` wave, mask or both; returns its JSON's path."""
    share_of = dict(zip(STEMS, SHARES, strict=True)) if shares is None else shares
    count = len(share_of)
    nodes, inputs, outputs = {"wave": _wave, "mask": _mask, "both": _both}[answer](count)
    values = np.array(list(share_of.values()), np.float32)
    constants = [
        numpy_helper.from_array(values.reshape(1, count, *[1] * (rank - 2)), f"shares{rank}") for rank in (4, 5, 6)
    ]
    one, two = (numpy_helper.from_array(np.array([value], np.int64), name) for value, name in ((1, "one"), (2, "two")))
    graph = helper.make_graph(nodes, "toy", inputs, outputs, [*constants, one, two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = model.SerializeToString()
    (folder / "toy.onnx").write_bytes(data)
    facts = {
        "format": 1,
        "name": "toy",
        "graph": "toy.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "rate": 44100,
        "channels": 2,
        "stems": list(share_of),
        "segment": SEGMENT,
        "front": {"wave": "wave", "mask": "stft", "both": "both"}[answer],
        "answer": answer,
        **({"layout": "frames"} if answer == "mask" else {}),
        "stft": STFT,
        "normalize": "none",
        "scale_equivariant": True,
        "licence": "MIT",
        **changes,
    }
    path = folder / "toy.json"
    path.write_text(json.dumps(facts))
    return path


def _value(name: str, *shape: str | int) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _wave(count: int) -> tuple[list[Any], list[Any], list[Any]]:
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "one"], ["wide"]),
        helper.make_node("Mul", ["wide", "shares4"], ["wave"]),
    ]
    return nodes, [_value("mix", "batch", 2, SEGMENT)], [_value("wave", "batch", count, 2, SEGMENT)]


def _mask(count: int) -> tuple[list[Any], list[Any], list[Any]]:
    """|X|^2 / |X|^2 is one where there is sound; the mask is that times the share."""
    nodes = [
        helper.make_node("Mul", ["stft", "stft"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "two"], ["power"], keepdims=0),
        helper.make_node("Unsqueeze", ["power", "one"], ["wide"]),
        helper.make_node("Sign", ["wide"], ["ones"]),
        helper.make_node("Mul", ["ones", "shares5"], ["mask"]),
    ]
    inputs = [_value("stft", "batch", 2, 2, "frame", "freq")]
    return nodes, inputs, [_value("mask", "batch", count, 2, "frame", "freq")]


def _both(count: int) -> tuple[list[Any], list[Any], list[Any]]:
    """The first stem's share through the wave, twice as much as it should be; the STFT takes the surplus away."""
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "one"], ["wide"]),
        helper.make_node("Mul", ["wide", "shares4"], ["once"]),
        helper.make_node("Add", ["once", "once"], ["wave"]),
        helper.make_node("Unsqueeze", ["stft", "one"], ["wide_stft"]),
        helper.make_node("Mul", ["wide_stft", "shares6"], ["share_stft"]),
        helper.make_node("Neg", ["share_stft"], ["spectrum"]),
    ]
    inputs = [_value("mix", "batch", 2, SEGMENT), _value("stft", "batch", 2, 2, "freq", "frame")]
    outputs = [_value("wave", "batch", count, 2, SEGMENT), _value("spectrum", "batch", count, 2, 2, "freq", "frame")]
    return nodes, inputs, outputs

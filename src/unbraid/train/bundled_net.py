"""The net that travels in the package, in torch: for training it further.

The package holds graphs, in which the exporter has turned, joined and renamed weights. Where each went is found by
exporting a net of the same shape whose weights are numbers counted up: what lies where number n lies is weight n.
Numbers are counted in floats, each the next after the one before, as the integers of the same bits are: of these there
are enough for any net, where whole numbers that 32 bits hold exactly end at 2^24.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbraid.errors import ModelError
from unbraid.nets.compact_words import CompactWords, CompactWordsConfig
from unbraid.runtime.facts import GraphFacts, read_facts, read_graph
from unbraid.runtime.words import words_facts
from unbraid.signal import Samples
from unbraid.train.graphs import HeadGraph, TrunkGraph, examples, ratio_db, trace
from unbraid.train.storing import widened
from unbraid.zoo import bundled

_FIRST = int(np.float32(1 << 23).view(np.int32))
"""The bits of the first number; no constant is so large."""

_MOST = 3 << 23
"""More numbers than that would be as large as the sum of eight. Such sums, made beforehand, are of more."""

_LEAST_DB = 60.0
"""Torch and the graphs must agree to this ratio; they do to 100 dB or so."""


def bundled_net() -> CompactWords:
    """The bundled net and its head. Raises ModelError if this torch does not export the graphs of the package."""
    facts = read_facts(bundled.facts_path())
    second = words_facts(facts)
    assert second is not None, "the package has a head for words"
    net = CompactWords(CompactWordsConfig()).eval()
    count = sum(value.numel() for value in net.state_dict().values())
    assert count <= _MOST, "more weights than numbers"
    weights = np.full(count, np.nan, np.float32)
    with TemporaryDirectory() as folder:
        trunk, head = Path(folder, "trunk.onnx"), Path(folder, "head.onnx")
        stft, tokens, query = examples(net, net.words)
        _fill(net, np.arange(_FIRST, _FIRST + count, dtype=np.int32).view(np.float32))
        trace(TrunkGraph(net), (stft,), trunk)
        trace(HeadGraph(net.words), (tokens, query), head)
        for shipped, numbered in ((read_graph(facts), trunk), (read_graph(second[0]), head)):
            for values, numbers in _pairs(onnx.load_from_string(shipped), onnx.load(numbered), count):
                weights[numbers] = values
    _fill(net, weights)
    graphs = ((TrunkGraph(net), (stft,), facts), (HeadGraph(net.words), (tokens, query), second[0]))
    if not np.isfinite(weights).all() or min(_agreement_db(*each) for each in graphs) < _LEAST_DB:
        raise ModelError(f"torch {torch.__version__} exports the bundled net otherwise than the package has it")
    return net


def _agreement_db(module: TrunkGraph | HeadGraph, example: Sequence[Tensor], facts: GraphFacts) -> float:
    """Of torch with a graph of the package."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(read_graph(facts), options, providers=["CPUExecutionProvider"])
    given = {name: value.numpy() for name, value in zip(module.inputs, example, strict=True)}
    shipped = session.run(list(module.outputs), given)
    with torch.inference_mode():
        ours = [value.numpy() for value in module(*example)]
    return min(ratio_db(one, other) for one, other in zip(ours, shipped, strict=True))


def _fill(net: CompactWords, flat: Samples) -> None:
    """All weights, in the order of the state, from one row."""
    state, first = net.state_dict(), 0
    with torch.no_grad():
        for value in state.values():
            value.copy_(torch.from_numpy(flat[first : first + value.numel()]).view(value.shape))
            first += value.numel()


def _pairs(
    shipped: onnx.ModelProto, numbered: onnx.ModelProto, count: int
) -> Iterator[tuple[Samples, NDArray[np.int64]]]:
    """Weights of the first graph, and their numbers from 0 to ``count`` in the second."""
    ours = _by_order(widened(shipped))
    for name, values in _by_order(widened(numbered)).items():
        numbers, found = values.view(np.int32).astype(np.int64) - _FIRST, ours.get(name)
        # What is larger than all numbers is a sum of some, made beforehand.
        if found is not None and found.shape == values.shape and (numbers >= 0).all() and (numbers < count).all():
            yield found, numbers


def _by_order(weights: dict[str, Samples]) -> dict[str, Samples]:
    """Those that the exporter turned are called by numbers that change with the graph, so here by their order."""
    named, turned = {}, 0
    for name, values in weights.items():
        if name.startswith("onnx::"):
            name, turned = f"turned {turned}", turned + 1
        named[name] = values
    return named

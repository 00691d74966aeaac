"""The net that travels in the package, in torch: for training it further.

The package holds graphs, in which the exporter has turned, joined and renamed weights. Where each went is found by
exporting a net of the same shape whose weights are numbers counted up: what lies where number n lies is weight n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor

from unbraid.errors import ModelError
from unbraid.nets.compact_words import CompactWords, CompactWordsConfig
from unbraid.runtime.facts import GraphFacts, read_facts, read_graph
from unbraid.runtime.words import words_facts
from unbraid.signal import Samples
from unbraid.train.graphs import HeadGraph, TrunkGraph, examples, ratio_db, trace
from unbraid.zoo import bundled

_FIRST = 1 << 23
"""The first number; there are fewer than as many more. All these are exact in 32 bits, and no constant is so large."""

_LEAST_DB = 60.0
"""Torch and the graphs must agree to this ratio; they do to 100 dB or so."""


def bundled_net() -> CompactWords:
    """The bundled net and its head. Raises ModelError if this torch does not export the graphs of the package."""
    facts = read_facts(bundled.facts_path())
    second = words_facts(facts)
    assert second is not None, "the package has a head for words"
    net = CompactWords(CompactWordsConfig()).eval()
    count = sum(value.numel() for value in net.state_dict().values())
    assert count < _FIRST, "more weights than numbers"
    weights = np.full(count, np.nan, np.float32)
    with TemporaryDirectory() as folder:
        trunk, head = Path(folder, "trunk.onnx"), Path(folder, "head.onnx")
        stft, tokens, query = examples(net, net.words)
        _fill(net, np.arange(_FIRST, _FIRST + count, dtype=np.float32))
        trace(TrunkGraph(net), (stft,), trunk)
        trace(HeadGraph(net.words), (tokens, query), head)
        for shipped, numbered in ((read_graph(facts), trunk), (read_graph(second[0]), head)):
            for values, numbers in _pairs(onnx.load_from_string(shipped), onnx.load(numbered)):
                weights[numbers.astype(np.int64) - _FIRST] = values
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


def _pairs(shipped: onnx.ModelProto, numbered: onnx.ModelProto) -> Iterator[tuple[Samples, Samples]]:
    """Weights of the first graph, and their numbers in the second."""
    ours = _by_name(shipped)
    for name, tensor in _by_name(numbered).items():
        numbers, found = numpy_helper.to_array(tensor), ours.get(name)
        # What is larger than all numbers is a sum of some, made beforehand.
        weights = numbers.dtype == np.float32 and (numbers >= _FIRST).all() and (numbers < 2 * _FIRST).all()
        if weights and found is not None and list(found.dims) == list(tensor.dims):
            yield numpy_helper.to_array(found).astype(np.float32), numbers


def _by_name(graph: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Those that the exporter turned are called by numbers that change with the graph, so here by their order."""
    named, turned = {}, 0
    for tensor in graph.graph.initializer:
        name = tensor.name.removesuffix(".half")
        if name.startswith("onnx::"):
            name, turned = f"turned {turned}", turned + 1
        named[name] = tensor
    return named

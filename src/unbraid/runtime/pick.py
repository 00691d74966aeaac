"""Which runtime a graph gets."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from unbraid.engine.cores import cores
from unbraid.errors import UsageError
from unbraid.runtime.facts import GraphFacts
from unbraid.runtime.graph import GraphSeparator

Runtime = Literal["auto", "onnx", "openvino", "torch"]


def run_graph(facts: GraphFacts, runtime: Runtime) -> tuple[GraphSeparator, str]:
    """``facts``' graph, ready to run on the CPU, and the name of what runs it.

    "auto" is OpenVINO where it is installed and the graph is one of convolutions (it takes waveforms, or is MDX-Net's),
    on which it is the faster one; else onnxruntime, which is the faster one on LSTMs.
    """
    if runtime == "torch":
        raise UsageError(f"{facts.spec.name} is a graph; use --runtime auto, onnx or openvino")
    convolutions = facts.front != "stft" or facts.packed is not None
    if runtime == "openvino" or (runtime == "auto" and convolutions and find_spec("openvino") is not None):
        from unbraid.runtime import openvino

        return openvino.load(facts, streams=cores()), "openvino"
    from unbraid.runtime import onnx

    return onnx.load(facts), "onnx"

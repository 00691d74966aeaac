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

    "auto" is OpenVINO where it is installed, which is the faster one on convolutions and Transformers; but graphs that
    answer with masks, whose layers are LSTMs, are faster in onnxruntime.
    """
    if runtime == "torch":
        raise UsageError(f"{facts.spec.name} is a graph; use --runtime auto, onnx or openvino")
    slower = facts.answer == "mask"
    if runtime == "openvino" or (runtime == "auto" and not slower and find_spec("openvino") is not None):
        from unbraid.runtime import openvino

        return openvino.load(facts, streams=cores()), "openvino"
    from unbraid.runtime import onnx

    return onnx.load(facts), "onnx"

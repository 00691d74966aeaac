"""OpenVINO: faster than onnxruntime for convolutional nets on x86 (extra ``openvino``)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from unbraid.errors import MissingExtra, ModelError
from unbraid.runtime.facts import GraphFacts, read_graph
from unbraid.runtime.graph import Backend, GraphSeparator
from unbraid.runtime.words import Words, once_asked, words_facts
from unbraid.signal import Samples

OUTPUTS = frozenset({"wave", "spectrum", "mask", "tokens", "presence"})
"""What the outputs of our graphs are called."""


def load(facts: GraphFacts, threads: int = 1, streams: int = 1) -> GraphSeparator:
    """A separator that runs ``facts.graph`` on the CPU; ``streams`` calls at once of ``threads`` threads each.

    Computes in float32 whatever the processor offers, so that results equal those of the other runtimes.
    """
    second = words_facts(facts)
    words = None
    if second is not None:
        about, data = second[0], read_graph(second[0])
        words = Words(once_asked(lambda: _backend(about, data, threads, streams)), second[1], len(facts.spec.stems))
    return GraphSeparator(facts, _backend(facts, read_graph(facts), threads, streams), words)


@cache
def _core() -> Any:
    """The one ``openvino.Core`` of this process, kept to its end.

    As each loads its plugin it gives the thread another stack for signals, and as it goes it puts back the one before.
    Of two that go in the order in which they came, the second puts back a stack that is gone, and the next signal with
    a handler, of a child that ended or Ctrl-C, kills the process (OpenVINO 2026.4).
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("the OpenVINO runtime is not installed; pip install 'unbraid[openvino]'") from error
    return openvino.Core()


def _backend(facts: GraphFacts, data: bytes, threads: int, streams: int) -> Backend:
    core = _core()
    options = {
        "INFERENCE_NUM_THREADS": threads * streams,
        "NUM_STREAMS": streams,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    try:
        compiled = core.compile_model(core.read_model(data, b""), "CPU", options)
    except RuntimeError as error:
        raise ModelError(
            f"{facts.graph}: OpenVINO cannot read this graph ({' '.join(str(error).split())[:200]})"
        ) from error
    # An output may have further names, of the graph's inner values, and they come in no order.
    names = [(output, output.get_names() & OUTPUTS) for output in compiled.outputs]
    if facts.packed is not None:
        names = [(output, {output.get_any_name()}) for output in compiled.outputs]
    local = threading.local()

    def run(inputs: Mapping[str, Samples]) -> Mapping[str, Samples]:
        # A request belongs to one thread: it holds the buffers of the call.
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        try:
            answer = local.request.infer(dict(inputs))
        except RuntimeError as error:
            told = str(error).strip().splitlines()[-1][:200]
            raise ModelError(f"{facts.graph}: the graph failed ({told})") from error
        return {name: answer[output].copy() for output, known in names for name in known}

    return run

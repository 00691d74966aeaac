"""onnxruntime: the default, which needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime

from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts, read_graph
from unbraid.runtime.graph import Backend, GraphSeparator
from unbraid.runtime.words import Words, once_asked, words_facts
from unbraid.signal import Samples


def load(facts: GraphFacts, threads: int = 1) -> GraphSeparator:
    """A separator that runs ``facts.graph`` on the CPU, each call with ``threads`` threads; words too, if it has them.

    Raises ModelError.
    """
    second = words_facts(facts)
    words = None
    if second is not None:
        about, data = second[0], read_graph(second[0])
        words = Words(once_asked(lambda: _backend(about, data, threads)), second[1], len(facts.spec.stems))
    return GraphSeparator(facts, _backend(facts, read_graph(facts), threads), words)


def _backend(facts: GraphFacts, data: bytes, threads: int) -> Backend:
    """The graph is given as bytes, so that it cannot name weights in files elsewhere on the disk."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # What is to be reused is kept until its last user: the layers of a Transformer would hold 5 GB instead of 2.
    options.enable_mem_reuse = False
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that it does not export
        raise ModelError(f"{facts.graph}: onnxruntime cannot read this graph ({_first_line(error)})") from error
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, Samples]) -> Mapping[str, Samples]:
        try:
            return dict(zip(names, session.run(names, dict(inputs)), strict=True))
        except Exception as error:  # as above
            raise ModelError(f"{facts.graph}: the graph failed ({_first_line(error)})") from error

    return run


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__

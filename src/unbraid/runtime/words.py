"""The head for words beside a graph: a second, small graph that takes the first one's tokens and a query.

Beside ``NAME.json`` may lie ``NAME-words.json`` with the facts of ``NAME-words.onnx``. The first graph then has an
output ``tokens``; the second takes them and ``query[batch, words + stem]`` and answers with ``mask[batch, channel,
frame, row]`` and ``presence[batch]``, both from 0 to 1. The first graph runs once for a chunk, the second once for
each query.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from unbraid.errors import ModelError
from unbraid.runtime.facts import FORMAT, GraphFacts
from unbraid.signal import Samples

_LARGEST = 1 << 14


def words_path(graph: Path) -> Path:
    """Where the facts of the head for words lie, if there are any."""
    return graph.with_name(f"{graph.stem}-words.json")


def words_facts(facts: GraphFacts) -> tuple[GraphFacts, int] | None:
    """What the runtime must know of the second graph, and the size of a text's vector; None if there is none.

    Raises ModelError if its JSON is broken, or if the head was trained on another first graph.
    """
    path = words_path(facts.graph)
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text("utf-8"))
        form, graph, sha256, trunk, size = (raw[key] for key in ("format", "graph", "sha256", "trunk", "words"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: does not describe a head for words ({error!r})") from error
    good = form == FORMAT and isinstance(sha256, str) and type(size) is int and 0 < size <= _LARGEST
    if not good or not isinstance(graph, str) or Path(graph).name != graph:
        raise ModelError(f"{path}: does not describe a head for words that this version of unbraid reads")
    if trunk != facts.sha256:
        raise ModelError(f"{path}: was trained on another {facts.graph.name}; fetch both again")
    return replace(facts, graph=path.with_name(graph), sha256=sha256, card=raw), size


Run = Callable[[Mapping[str, Samples]], Mapping[str, Samples]]


def once_asked(make: Callable[[], Run]) -> Run:
    """What ``make`` makes, made at its first call: most songs are taken apart without a question."""
    lock = threading.Lock()
    made: list[Run] = []

    def run(inputs: Mapping[str, Samples]) -> Mapping[str, Samples]:
        with lock:  # callers are several threads
            if not made:
                made.append(make())
        return made[0](inputs)

    return run


@dataclass(frozen=True)
class Words:
    """A second graph, ready to run. size: of a text's vector. stems: of the first graph."""

    run: Run
    size: int
    stems: int

    @property
    def embedding(self) -> int:
        """Size of a query: a text's vector and a weight for each stem that it is asked of."""
        return self.size + self.stems

    def answer(self, first: Mapping[str, Samples], query: Samples) -> tuple[Samples, Samples]:
        """``query[batch, embedding]`` to ``mask[batch, channel, frame, row]`` and ``presence[batch]``.

        The mask is of the stems that are asked, see :meth:`weights`. first: the outputs of the first graph.
        """
        if "tokens" not in first or "mask" not in first:
            raise ModelError("the graph beside a head for words has no output called tokens")
        if query.shape[1] != self.embedding:
            raise ModelError(f"a query has {query.shape[1]} numbers; this model takes {self.embedding}")
        outputs = self.run({"tokens": first["tokens"], "query": query})
        mask, stems = outputs["mask"], first["mask"]
        if mask.shape != (*stems.shape[:1], *stems.shape[2:]) or outputs["presence"].shape != mask.shape[:1]:
            raise ModelError(
                f"the head for words answers with a mask of shape {mask.shape} beside masks of shape {stems.shape}"
            )
        return mask, outputs["presence"]

    def weights(self, query: Samples) -> Samples:
        """Of which stems ``query[batch, embedding]`` asks, ``[batch, stem]``: all ones for the mix as it is."""
        return query[:, self.size :]

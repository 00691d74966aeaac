"""From what the user typed to separators that run: the bundled model, a graph on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unbraid.engine.refine import Member
from unbraid.errors import UsageError
from unbraid.runtime.facts import GraphFacts, read_facts
from unbraid.runtime.graph import GraphSeparator
from unbraid.zoo import bundled

Runtime = Literal["auto", "onnx", "openvino", "torch"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Loaded:
    """A model ready to run.

    name: for the screen and the folder. members: the separators and their weights for each stem.
    identity: changes whenever the weights do. runtime: what computes it. card: facts for the screen.
    """

    name: str
    members: tuple[Member, ...]
    identity: str
    runtime: str
    card: dict[str, Any] = field(default_factory=dict)


def load(model: str, *, runtime: Runtime = "auto", device: Device = "auto", offline: bool = False) -> Loaded:
    """The model called ``model``, or the one in the file of that path.

    Raises ModelError if there is no such model or its file is broken, MissingExtra if its runtime is not installed.
    """
    if model == bundled.NAME:
        return _graph(bundled.facts_path(), runtime, device)
    path = Path(model)
    if path.suffix in (".onnx", ".json"):
        return _graph(path.with_suffix(".json"), runtime, device)
    raise UsageError(f"no model is called {model!r}; see `unbraid models`, or give the path of an .onnx file")


def _graph(path: Path, runtime: Runtime, device: Device) -> Loaded:
    if runtime == "torch" or device not in ("auto", "cpu"):
        raise UsageError(f"{path.stem} is a graph, which runs on the CPU; use --runtime onnx or openvino, --device cpu")
    facts = read_facts(path)
    separator, used = _run_graph(facts, runtime)
    member = Member(separator, (1.0,) * len(facts.spec.stems))
    return Loaded(facts.spec.name, (member,), facts.sha256, used, facts.card)


def _run_graph(facts: GraphFacts, runtime: Runtime) -> tuple[GraphSeparator, str]:
    if runtime == "openvino":
        from unbraid.engine.run import cores
        from unbraid.runtime import openvino

        return openvino.load(facts, streams=cores()), "openvino"
    from unbraid.runtime import onnx

    return onnx.load(facts), "onnx"

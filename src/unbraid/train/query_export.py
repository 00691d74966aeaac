"""A compact net and its head for words as the two graphs that :mod:`unbraid.runtime.words` runs.

    python -m unbraid.train.query_export RUN WORDS OUT

RUN is the run of the net, WORDS that of the head; or RUN twice, if it is one of "compact-words". Written are
``NAME.onnx`` with masks and tokens as outputs, ``NAME.json``, ``NAME-words.onnx`` and ``NAME-words.json``. Weights are
stored small (:mod:`unbraid.train.storing`); each graph is compared with torch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor

from unbraid.errors import ModelError, UnbraidError, UsageError
from unbraid.nets.compact import Compact
from unbraid.nets.compact_words import CompactWords
from unbraid.nets.query_head import QueryConfig, QueryHead
from unbraid.runtime.facts import FORMAT
from unbraid.train import checkpoint
from unbraid.train.bundled_net import bundled_net
from unbraid.train.export import PARITY_DB, export
from unbraid.train.graphs import HeadGraph, TrunkGraph, examples, ratio_db, trace
from unbraid.train.query import load_trunk
from unbraid.train.storing import rounded, stored


def export_words(net: Compact, head: QueryHead, folder: Path, name: str, facts: Mapping[str, Any]) -> float:
    """Write all four files into ``folder``; returns the lower of both agreements with torch in dB.

    facts: what ``NAME.json`` says beyond the graph's own. Raises ModelError if a graph agrees with torch to less than
    ``PARITY_DB``.
    """
    export(net, folder, name, facts)
    small, words = rounded(net), rounded(head)
    first, second = folder / f"{name}.onnx", folder / f"{name}-words.onnx"
    # Traced at the longest piece, compared at the shortest, too: an exporter may take a length for a constant.
    given = [examples(small, words, samples) for samples in (None, small.spec(name).shortest)]
    agreement = min(
        _write(TrunkGraph(small), [(stft,) for stft, _, _ in given], first),
        _write(HeadGraph(words), [(tokens, query) for _, tokens, query in given], second),
    )
    known = json.loads((folder / f"{name}.json").read_text("utf-8")) | {"sha256": _sum(first)}
    _put(folder / f"{name}.json", known)
    about = {"format": FORMAT, "graph": second.name, "sha256": _sum(second), "trunk": known["sha256"]}
    _put(folder / f"{name}-words.json", {**about, "words": head.config.words})
    return agreement


def _write(module: TrunkGraph | HeadGraph, given: Sequence[tuple[Tensor, ...]], path: Path) -> float:
    """Trace with the first of the inputs ``given``, store small, compare with all of them."""
    partial = path.with_name(f".{path.name}.partial")
    trace(module, given[0], partial)
    onnx.save(stored(onnx.load(partial)), partial)
    session = onnxruntime.InferenceSession(str(partial), providers=["CPUExecutionProvider"])
    agreement = min(_agreement_db(module, session, inputs) for inputs in given)
    if agreement < PARITY_DB:
        partial.unlink()
        raise ModelError(f"{path.name} agrees with torch to {agreement:.0f} dB; it must to {PARITY_DB:.0f} dB")
    partial.replace(path)
    return agreement


def _agreement_db(
    module: TrunkGraph | HeadGraph, session: onnxruntime.InferenceSession, inputs: tuple[Tensor, ...]
) -> float:
    with torch.inference_mode():
        ours = module(*inputs)
    theirs = session.run(
        list(module.outputs), {name: value.numpy() for name, value in zip(module.inputs, inputs, strict=True)}
    )
    return min(ratio_db(one.numpy(), other) for one, other in zip(ours, theirs, strict=True))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _put(path: Path, facts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def load_head(run: Path, trunk: Compact, digest: str) -> QueryHead:
    """The averaged head of a run that was trained on the trunk with that digest. Raises ModelError."""
    newest = checkpoint.newest(run)
    if newest is None:
        raise ModelError(f"{run}: has no checkpoint")
    state = checkpoint.read_state(newest)
    if state["trunk"] != digest:
        raise ModelError(f"{run}: was trained on another trunk")
    head = QueryHead(QueryConfig(**state["query"]), trunk.config)
    checkpoint.fill(head, checkpoint.read_weights(newest))
    return head.eval()


@torch.no_grad()
def between(net: Compact, start: Compact, share: float) -> None:
    """Weights of ``net``, ``share`` of them its own and the rest those of ``start``, which it was trained from.

    On the line between both, a net often keeps what it knew and has most of what it learnt (Wortsman et al. 2022,
    "Robust fine-tuning of zero-shot models"). Raises UsageError for nets of other shapes, or a share that is none.
    """
    new, old = net.state_dict(), start.state_dict()
    if not 0 <= share <= 1:
        raise UsageError(f"share is {share}; give 0 to 1")
    if {name: value.shape for name, value in new.items()} != {name: value.shape for name, value in old.items()}:
        raise UsageError("a share can be taken only of a net that was trained from the package's own, in its shape")
    net.load_state_dict({name: torch.lerp(old[name], value, share) for name, value in new.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.train.query_export", description="Export net and head.")
    parser.add_argument("run", type=Path)
    parser.add_argument("words", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--name", default="compact")
    parser.add_argument("--facts", type=Path, help="A JSON file whose entries join NAME.json.")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of what the run made of the package's net, whose weights are the rest"
    )
    options = parser.parse_args(arguments)
    try:
        net, digest = load_trunk(options.run)
        if options.share != 1:
            between(net, bundled_net(), options.share)
        facts = json.loads(options.facts.read_text("utf-8")) if options.facts else {}
        if isinstance(net, CompactWords) and options.words == options.run:
            head = net.words
        else:
            head = load_head(options.words, net, digest)
        agreement = export_words(net, head, options.out, options.name, facts)
    except UnbraidError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{options.out}: agrees with torch to {agreement:.0f} dB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

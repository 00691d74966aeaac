"""Checkpoints of other programs as separators: one file, or a bag of several.

On the CPU a net runs as a graph, which needs no torch; the graph is exported once and kept beside the weights, under
the checksum of the checkpoint. On a GPU, and for nets that no graph can express, torch runs it. So does it for nets
that answer queries, with which comes an encoder of words and clips, and, where it is installed, for HTDemucs: with the
layers of nets/blocks/quick_hybrid.py it takes a quarter less memory there than as a graph in OpenVINO and about as long
(bench/graphs.py), and no graph has to be made first.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from unbraid.engine.contract import Separator
from unbraid.engine.refine import Member
from unbraid.errors import MissingExtra, ModelError, OutputError, UsageError
from unbraid.home import home
from unbraid.runtime.facts import read_facts
from unbraid.runtime.pick import Runtime, run_graph
from unbraid.zoo.bag import Bag
from unbraid.zoo.guard import read_checkpoint

if TYPE_CHECKING:
    from unbraid.runtime.torch_clap import ClapEncoder
    from unbraid.spec import Spec

Net: TypeAlias = Any
"""A net of the registry; torch, which would know its type, may be missing."""

Device = Literal["auto", "cpu", "cuda", "mps"]
_FASTER_IN_TORCH = "HTDemucs"
_EXPORTED = 1
"""Raised when :mod:`unbraid.zoo.export` writes other graphs of the same weights: those that are kept are made again."""
SUFFIXES = (".th", ".pt", ".ckpt", ".safetensors", ".gz")


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights. segment_s: what a bag asks for; None for the net's own. settings: a file of them beside it."""

    path: Path
    segment_s: float | None = None
    settings: Path | None = None

    def key(self) -> str:
        """Changes with the weights, with how long a piece they hear, and with the settings beside them."""
        segment = "" if self.segment_s is None else f"-{self.segment_s:g}s"
        return _digest(self.path) + segment + ("" if self.settings is None else f"-{_digest(self.settings)[:16]}")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True)
class Bagged:
    """A bag ready to run. identity: changes with the weights. runtime: what computes it. encoder: makes queries."""

    members: tuple[Member, ...]
    identity: str
    runtime: str
    encoder: ClapEncoder | None = None


def needed(bag: Bag, stems: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Which members of ``bag`` have a say in the ``wanted`` stems (all of ``stems``, if it is empty)."""
    columns = [place for place, stem in enumerate(stems) if not wanted or stem in wanted]
    if bag.weights is None or not columns:
        return list(range(len(bag.models)))
    return [order for order, row in enumerate(bag.weights) if any(row[place] for place in columns)]


def load_bag(name: str, files: dict[int, Checkpoint], bag: Bag, runtime: Runtime, device: Device) -> Bagged:
    """The members of ``bag`` whose files are given, by their order in it. Raises ModelError if they do not fit."""
    loaded = {order: _separator(name, file, runtime, device) for order, file in files.items()}
    specs = [separator.spec for separator, _ in loaded.values()]
    if len({(spec.stems, spec.rate, spec.channels) for spec in specs}) > 1:
        raise ModelError(f"model {name!r} is a bag of models that differ in stems, rate or channels")
    stems = specs[0].stems
    rows = bag.weights or ((1.0,) * len(stems),) * len(bag.models)
    if any(len(row) != len(stems) for row in rows):
        raise ModelError(f"model {name!r} is a bag with weights for {len(rows[0])} stems; its models have {len(stems)}")
    identity = hashlib.sha256("".join(file.key() for file in files.values()).encode() + repr(rows).encode())
    return Bagged(
        tuple(Member(separator, rows[order], order) for order, (separator, _) in loaded.items()),
        identity.hexdigest(),
        ", ".join(dict.fromkeys(used for _, used in loaded.values())),
        _encoder(next(iter(files.values())).path, specs[0]),
    )


def _encoder(path: Path, spec: Spec) -> ClapEncoder | None:
    """What makes queries for the checkpoint; None if it takes none, or those that the table in the package makes."""
    if spec.stems or spec.embedding is None:
        return None
    from unbraid.zoo.adopt.own import asked_by_table
    from unbraid.zoo.encoder import clap_encoder

    if asked_by_table(path):
        return None

    return clap_encoder(path, spec.embedding)


def _separator(name: str, file: Checkpoint, runtime: Runtime, device: Device) -> tuple[Separator, str]:
    if runtime == "torch" or device in ("cuda", "mps") or (runtime == "auto" and device == "auto" and _sees_gpu()):
        return _in_torch(name, file, device)
    kept = _graphs(file) / f"{name}.json"
    in_torch = runtime == "auto" and find_spec("torch") is not None
    if kept.exists():
        facts = read_facts(kept)
        if not (in_torch and facts.card.get("net") == _FASTER_IN_TORCH):
            return run_graph(facts, runtime)
    net, spec = _net(name, file)
    if in_torch and type(net).__name__ == _FASTER_IN_TORCH:
        return _placed(net, spec, device)
    return _as_graph(name, file, net, spec, runtime, device)


def _graphs(file: Checkpoint) -> Path:
    """Where the graph of ``file`` is kept for the next time."""
    return home() / "graphs" / f"{file.key()}-{_EXPORTED}"


def _as_graph(
    name: str, file: Checkpoint, net: Net, spec: Spec, runtime: Runtime, device: Device
) -> tuple[Separator, str]:
    """``net`` as a graph that is kept for the next time; in torch, if no graph can express it."""
    if not spec.stems:
        if runtime != "auto":
            raise UsageError(f"model {name!r} answers queries, which only torch runs; use --runtime auto or torch")
        return _placed(net, spec, device)
    try:
        return run_graph(read_facts(_export(net, spec, _graphs(file))), runtime)
    except ModelError:
        if runtime != "auto":
            raise
        return _in_torch(name, file, device)
    except OutputError:
        # No place to keep the graph: make it for this run alone.
        with tempfile.TemporaryDirectory(prefix="unbraid-") as folder:
            return run_graph(read_facts(_export(net, spec, Path(folder))), runtime)


def _in_torch(name: str, file: Checkpoint, device: Device) -> tuple[Separator, str]:
    _need_torch(name)
    from unbraid.runtime.torch import threads

    # Had this thread workers of its own, they and those of the separator were more than there are cores, and the
    # OpenMP of torch lets them sleep between layers then: a fifth slower.
    with threads(1):
        return _placed(*_net(name, file), device)


def _placed(net: Net, spec: Spec, device: Device) -> tuple[Separator, str]:
    from unbraid.nets.blocks import quick_gpu, quick_hybrid
    from unbraid.runtime.torch import TorchSeparator, pick_device
    from unbraid.runtime.torch_asked import AskedSeparator

    where = pick_device(device)
    net = (quick_hybrid if where.type == "cpu" else quick_gpu).quicken(net)
    kind = TorchSeparator if spec.stems else AskedSeparator
    return kind(net, spec, where), f"torch on {where}"


def _net(name: str, file: Checkpoint) -> tuple[Any, Spec]:
    package = read_checkpoint(file.path)
    _need_torch(name)
    from unbraid.zoo.adopt.families import net_of

    return net_of(package, name, file.settings, file.segment_s)


def _export(net: Net, spec: Spec, folder: Path) -> Path:
    from unbraid.zoo.export import export

    card: dict[str, Any] = {"overlap": spec.overlap, "net": type(net).__name__}
    return export(net, spec, folder, card)


def _need_torch(name: str) -> None:
    if find_spec("torch") is None:
        raise MissingExtra(
            f"model {name!r} must be made into a graph once, which needs torch; pip install 'unbraid[torch]'"
        )


def _sees_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    from unbraid.runtime.torch import pick_device

    return pick_device("auto").type != "cpu"

"""From what the user typed to separators that run: the bundled model, a name, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbraid.engine.refine import Member
from unbraid.errors import ModelError, UsageError
from unbraid.home import home
from unbraid.runtime.facts import read_facts
from unbraid.runtime.pick import Runtime, run_graph
from unbraid.zoo import bundled, catalogue
from unbraid.zoo.bag import Bag, read_bag
from unbraid.zoo.checkpoint import SUFFIXES, Checkpoint, Device, load_bag, needed
from unbraid.zoo.fetch import OnBytes, fetch_weights
from unbraid.zoo.mdx_net import mdx_facts
from unbraid.zoo.settings import paired, settings_of

if TYPE_CHECKING:
    from unbraid.runtime.torch_clap import ClapEncoder


@dataclass(frozen=True)
class Loaded:
    """A model ready to run.

    name: for the screen and the folder. members: the separators and their weights for each stem.
    identity: changes whenever the weights do. runtime: what computes it. card: facts for the screen. encoder: makes
    queries of words and clips, for a model that has its own.
    """

    name: str
    members: tuple[Member, ...]
    identity: str
    runtime: str
    card: dict[str, Any] = field(default_factory=dict)
    encoder: ClapEncoder | None = None


def load(
    model: str,
    *,
    runtime: Runtime = "auto",
    device: Device = "auto",
    offline: bool = False,
    wanted: Sequence[str] = (),
    on_bytes: OnBytes | None = None,
) -> Loaded:
    """The model called ``model``, or the one in the file of that path.

    wanted: of a bag, only the members that have a say in these stems are fetched and loaded. on_bytes: hears of a
    download. Raises UsageError if there is no such model, ModelError if its file is broken, refused or cannot be had,
    MissingExtra if what runs it is not installed.
    """
    if model == bundled.NAME:
        return _graph(bundled.facts_path(), runtime, device)
    path, settings = paired(model)
    if path.suffix in (".onnx", ".json"):
        return _graph(path, runtime, device)
    if path.suffix == ".yaml":
        bag = read_bag(path)
        members = [_beside(path, name) for name in bag.models]
        files = {order: Checkpoint(file, bag.segment_s, settings_of(file)) for order, file in enumerate(members)}
        return _bag(path.stem, files, bag, runtime, device)
    if path.suffix in SUFFIXES:
        name = _name(path)
        return _bag(name, {0: Checkpoint(path, settings=settings)}, Bag((name,)), runtime, device)
    entry = catalogue.find(model)
    orders = needed(entry.bag, entry.stems, wanted)
    try:
        places = {
            order: fetch_weights(entry.files[order], home(), offline=offline, on_bytes=on_bytes) for order in orders
        }
    except ModelError as error:
        raise ModelError(f"model {model!r}: {error}") from error
    files = {order: Checkpoint(place, entry.bag.segment_s) for order, place in places.items()}
    return _bag(model, files, entry.bag, runtime, device)


def _name(path: Path) -> str:
    """What a file is called without what says that it is one of weights."""
    name = path.name
    while (suffix := Path(name).suffix) in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _graph(path: Path, runtime: Runtime, device: Device) -> Loaded:
    if device not in ("auto", "cpu"):
        raise UsageError(f"{path.stem} is a graph, which runs on the CPU; use --device auto or cpu")
    facts_path = path.with_suffix(".json")
    if path.suffix == ".onnx" and not path.exists():
        raise ModelError(f"{path}: there is no such file")
    facts = read_facts(facts_path) if path.suffix == ".json" or facts_path.exists() else mdx_facts(path)
    separator, used = run_graph(facts, runtime)
    member = Member(separator, (1.0,) * len(facts.spec.stems))
    return Loaded(facts.spec.name, (member,), facts.sha256, used, facts.card)


def _bag(name: str, files: dict[int, Checkpoint], bag: Bag, runtime: Runtime, device: Device) -> Loaded:
    bagged = load_bag(name, files, bag, runtime, device)
    return Loaded(name, bagged.members, bagged.identity, bagged.runtime, encoder=bagged.encoder)


def _beside(bag: Path, signature: str) -> Path:
    """A member of a bag on disk: it lies beside the bag, named by its signature as Demucs names it."""
    found = sorted(
        file
        for file in bag.parent.glob(f"{signature}*")
        if file.suffix in SUFFIXES and file.name.split(".")[0].split("-")[0] == signature
    )
    if not found:
        raise ModelError(f"{bag}: names {signature}, and no such file lies beside it")
    return found[0]

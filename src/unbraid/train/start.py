"""The net that a run begins with: fresh, or with weights of another run, of a file, or of a published model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from unbraid.errors import UsageError
from unbraid.home import home
from unbraid.nets.compact import Compact
from unbraid.nets.compact_words import CompactWords, CompactWordsConfig
from unbraid.nets.query_head import QueryConfig
from unbraid.nets.registry import NETS, classes
from unbraid.train import checkpoint
from unbraid.train.bundled_net import bundled_net
from unbraid.train.recipe import NetSection, Recipe
from unbraid.train.recipe_file import parse
from unbraid.zoo import bundled, catalogue
from unbraid.zoo.adopt.families import net_of
from unbraid.zoo.checkpoint import SUFFIXES
from unbraid.zoo.fetch import fetch_weights
from unbraid.zoo.guard import read_checkpoint
from unbraid.zoo.settings import settings_of

Net: TypeAlias = Any
"""A net of the registry: a ``torch.nn.Module`` with ``config`` and ``spec``."""


def build(recipe: Recipe) -> Net:
    """The recipe's net: fresh weights from its seed, or those that ``net.from`` names."""
    torch.manual_seed(recipe.run.seed)
    section = recipe.net
    if section.start is None:
        assert section.name is not None
        return fresh(section.name, section.config)
    net = _begun(section)
    if isinstance(net, CompactWords) and recipe.words.start is not None:
        net = net.without_words()  # another head is wanted
    if section.name == "compact-words" and type(net) is Compact:
        net = _with_words(net, recipe.words.start)
    net = _changed(net, section.config)
    if section.name not in (None, registered_name(net)):
        raise UsageError(f"net.from: {section.start} is a {registered_name(net)}; net.name says {section.name}")
    return net


def _with_words(trunk: Compact, start: Path | None) -> CompactWords:
    """``trunk`` with a head for words: a fresh one, or that of the run ``start``."""
    query = QueryConfig()
    newest = checkpoint.newest(start) if start is not None else None
    if start is not None and newest is None:
        raise UsageError(f"words.start: {start} has no checkpoint of a head")
    if newest is not None:
        query = QueryConfig(**checkpoint.read_state(newest)["query"])
    net = CompactWords(CompactWordsConfig(**asdict(trunk.config), words=query))
    if newest is not None:
        checkpoint.fill(net.words, checkpoint.read_weights(newest))
    own = {name: value for name, value in net.state_dict().items() if name.startswith("words.")}
    checkpoint.fill(net, trunk.state_dict() | own)
    return net


def fresh(name: str, config: Mapping[str, Any]) -> Net:
    """The net called ``name``; UsageError if its config has no such field or makes no net."""
    config_class, net_class = classes(name)
    try:
        return net_class(config_class(**config))
    except (TypeError, AssertionError, ValueError) as error:
        raise UsageError(f"net.config makes no {name}: {error or 'its sizes do not fit together'}") from error


def description(net: Net) -> dict[str, Any]:
    """Name and config, as they lie beside weights."""
    return {"name": registered_name(net), "config": asdict(net.config)}


def rebuilt(state: Mapping[str, Any]) -> Net:
    """The net of a checkpoint's ``state.json``, before its weights are filled in."""
    held = state.get("net")
    if held is not None:
        return fresh(held["name"], held["config"])
    # Before nets could begin with other weights, the recipe said it all.
    return build(parse(state["recipe"]))


def save_weights(net: Net, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """The weights of ``net`` in a file that ``net.from`` takes, and that is a model (zoo/adopt/own).

    notes: join the header; of a net that is asked, "words" is what makes its queries.
    """
    held = description(net)
    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    save_file(tensors, path, {"net": held["name"], "config": json.dumps(held["config"]), **(notes or {})})


def registered_name(net: Net) -> str:
    """The name of its class in the registry."""
    return next(name for name, entry in NETS.items() if entry.net == type(net).__name__)


def _begun(section: NetSection) -> Net:
    assert section.start is not None
    if section.start == bundled.NAME:
        if section.member is not None:
            raise UsageError(f"net.member is {section.member}; {bundled.NAME} is no bag")
        whole = bundled_net()
        return whole if section.name == "compact-words" else whole.without_words()
    path = Path(section.start)
    if path.is_dir():
        return _from_run(path)
    if path.suffix not in SUFFIXES:
        path = _fetched(section)
    return net_of(read_checkpoint(path), path.name, settings_of(path))[0]


def _from_run(run: Path) -> Net:
    folder = run / "best" if (run / "best").is_dir() else checkpoint.newest(run) or run
    if not (folder / "state.json").is_file():
        raise UsageError(f"net.from: {run} is no folder of a run; it has no checkpoint")
    net = rebuilt(checkpoint.read_state(folder))
    checkpoint.fill(net, checkpoint.read_weights(folder))
    return net


def _fetched(section: NetSection) -> Path:
    """The checkpoint of a published model, fetched if it is not there."""
    assert section.start is not None
    files = catalogue.find(section.start).files
    if section.member is None and len(files) > 1:
        raise UsageError(f"net.from: {section.start} is a bag of {len(files)}; net.member says which, from 0")
    member = section.member or 0
    if member >= len(files):
        raise UsageError(f"net.member is {member}; {section.start} has {len(files)}, counted from 0")
    return fetch_weights(files[member], home())


def _changed(net: Net, config: Mapping[str, Any]) -> Net:
    """``net`` with another config and the same weights."""
    if not config:
        return net
    if isinstance(net, CompactWords) and isinstance(config.get("words"), Mapping):
        config = {**config, "words": asdict(net.config.words) | dict(config["words"])}  # what is not named stays
    try:
        changed = type(net)(replace(net.config, **config))
    except (TypeError, AssertionError, ValueError) as error:
        raise UsageError(f"net.config makes no {registered_name(net)}: {error}") from error
    checkpoint.fill(changed, net.state_dict() | _added_blocks(net, changed))
    return changed


def _added_blocks(net: Net, changed: Net) -> dict[str, Tensor]:
    """The weights of blocks that ``changed``, a compact net, has behind those of ``net``, in its trunk or its head.

    Their residual branches end in zeros, so that the deeper net begins as the same function (Chen et al. 2016).
    """
    if not isinstance(net, Compact) or changed.config.blocks[: len(net.blocks)] != net.config.blocks:
        return {}
    _silence(layer for block in changed.blocks[len(net.blocks) :] for layer in (block.time.out, block.band_out))
    own, state = net.state_dict(), changed.state_dict()
    if isinstance(net, CompactWords) and len(changed.words.blocks) > len(net.words.blocks):
        _silence(
            layer
            for block in changed.words.blocks[len(net.words.blocks) :]
            for layer in (block.band_out, block.channel_out)
        )
        for name in ("words.steer_out.weight", "words.steer_out.bias"):  # a row for each block's gains and offsets
            if own[name].shape[1:] == state[name].shape[1:]:
                state[name] = torch.cat([own[name], state[name][len(own[name]) :]])
                del own[name]
    return {name: value for name, value in state.items() if name not in own}


def _silence(layers: Iterable[nn.Linear]) -> None:
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)

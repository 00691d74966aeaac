"""A training run on disk: all tensors in one safetensors file, numbers in JSON, written whole or not at all.

A checkpoint is a folder ``step-0001200`` with ``state.safetensors`` (net, averaged net, optimiser, torch's generator)
and ``state.json``. It is written under a hidden name and renamed, so a kill at any moment leaves the one before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from unbraid.errors import ModelError
from unbraid.train.ema import Ema

FORMAT = 1


@dataclass
class Progress:
    """Where a run stands.

    seconds: of training, over all its sittings. audio_s: seconds of music learned from. songs: those in use, by id;
    with the step they are all the state that the sampler has. valid_songs: those that ``best_sdr_db`` is of.
    """

    step: int = 0
    seconds: float = 0.0
    audio_s: float = 0.0
    best_sdr_db: float | None = None
    decaying: bool = False
    songs: list[str] = field(default_factory=list)
    valid_songs: list[str] = field(default_factory=list)
    ema_updates: int = 0


def save(
    folder: Path, net: nn.Module, ema: Ema, optimizer: Optimizer, progress: Progress, recipe: Mapping[str, Any]
) -> None:
    """Write everything that the next step depends on into ``folder``."""
    tensors: dict[str, Tensor] = {f"net.{name}": value for name, value in net.named_parameters()}
    tensors |= {f"ema.{name}": value for name, value in ema.shadow.items()}
    tensors |= _optimizer_tensors(optimizer)
    tensors["rng.torch"] = torch.get_rng_state()
    progress.ema_updates = ema.updates
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: value.detach().contiguous() for name, value in tensors.items()}, partial / "state.safetensors")
    state = {"format": FORMAT, "progress": asdict(progress), "recipe": recipe}
    (partial / "state.json").write_text(json.dumps(state, indent=1), "utf-8")
    for path in partial.iterdir():
        _sync(path)
    if folder.exists():  # the same step again, after a resume
        shutil.rmtree(folder)
    partial.rename(folder)
    _sync(folder.parent)


def load(folder: Path, net: nn.Module, ema: Ema, optimizer: Optimizer) -> Progress:
    """Put everything back; ModelError if names or shapes differ from those of ``net``."""
    state, tensors = read_state(folder), load_file(folder / "state.safetensors")
    fill(net, section(tensors, "net."))
    shadow = section(tensors, "ema.")
    if shadow.keys() != ema.shadow.keys():
        raise ModelError(f"{folder}: holds the average of another net")
    ema.shadow = shadow
    progress = Progress(**state["progress"])
    ema.updates = progress.ema_updates
    _fill_optimizer(optimizer, section(tensors, "optim."))
    torch.set_rng_state(tensors["rng.torch"])
    return progress


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON of a checkpoint."""
    state: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
    if state.get("format") != FORMAT:
        raise ModelError(f"{folder}: has format {state.get('format')}; this version reads {FORMAT}")
    return state


def read_weights(folder: Path, averaged: bool = True) -> dict[str, Tensor]:
    """The net's weights alone, averaged or as trained last."""
    return section(load_file(folder / "state.safetensors"), "ema." if averaged else "net.")


def newest(run: Path) -> Path | None:
    """The latest whole checkpoint in ``run``."""
    found = sorted(path for path in run.glob("step-*") if (path / "state.json").is_file())
    return found[-1] if found else None


def prune(run: Path, keep: int) -> None:
    """Remove all but the ``keep`` latest checkpoints."""
    for path in sorted(run.glob("step-*"))[:-keep]:
        shutil.rmtree(path)


@torch.no_grad()
def fill(net: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy ``values`` into the parameters of ``net``, all of them and nothing else."""
    own = dict(net.named_parameters())
    if own.keys() != values.keys():
        raise ModelError(f"weights do not fit the net: {sorted(own.keys() ^ values.keys())[:4]} are on one side only")
    for name, value in own.items():
        if value.shape != values[name].shape:
            raise ModelError(f"weight {name} is {tuple(values[name].shape)}; the net has {tuple(value.shape)}")
        value.copy_(values[name])


def section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """State ``name`` of parameter ``i`` as "optim.i.name"; rates and the like come from the recipe."""
    state = optimizer.state_dict()["state"]
    return {
        f"optim.{index}.{name}": torch.as_tensor(value) for index, held in state.items() for name, value in held.items()
    }


def _fill_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

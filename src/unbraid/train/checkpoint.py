"""A training run on disk: all tensors in one safetensors file, numbers in JSON, written whole or not at all.

A checkpoint is a folder ``step-0001200`` with ``state.safetensors`` (net, averages, optimiser, torch's generator) and
``state.json`` (progress, songs, recipe, net's name and config). It is written under a hidden name and renamed, so a
kill at any moment leaves the one before. What the sampler and a step draw follows from seed, process and step.
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
from unbraid.train.ema import Averages

FORMAT = 1
TENSORS = "state.safetensors"


@dataclass
class Progress:
    """Where a run stands.

    seconds: of training, over all its sittings. audio_s: seconds of music learned from. songs: those in use, by id;
    with the step they are all the state that the sampler has. valid_songs: those that ``best_sdr_db`` is of;
    best_of: the net itself or the average that it is of; best_is: how it is told over songs; stale: validations since.
    ema_updates: of the average called "ema", where that is all there is.
    """

    step: int = 0
    seconds: float = 0.0
    audio_s: float = 0.0
    best_sdr_db: float | None = None
    decaying: bool = False
    songs: list[str] = field(default_factory=list)
    valid_songs: list[str] = field(default_factory=list)
    ema_updates: int = 0
    best_of: str | None = None
    best_is: str = "median"  # of all runs before there was another
    stale: int = 0


def save(
    folder: Path,
    net: nn.Module,
    averages: Averages,
    optimizer: Optimizer,
    progress: Progress,
    facts: Mapping[str, Any],
) -> None:
    """Write everything that the next step depends on into ``folder``; ``facts`` join the JSON."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    for name, average in averages.held.items():
        tensors |= {_prefix(name) + key: value for key, value in average.shadow.items()}
    tensors |= _optimizer_tensors(optimizer)
    tensors["rng.torch"] = torch.get_rng_state()
    updates = {name: average.updates for name, average in averages.held.items()}
    progress.ema_updates = updates.get("ema", 0)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial / TENSORS)
    state = {"format": FORMAT, "progress": asdict(progress), "updates": updates, **facts}
    (partial / "state.json").write_text(json.dumps(state, indent=1), "utf-8")
    for path in partial.iterdir():
        _sync(path)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():  # the best so far, or the same step again, after a resume
        folder.rename(old)
    partial.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, net: nn.Module, averages: Averages, optimizer: Optimizer) -> tuple[Progress, dict[str, Any]]:
    """Put everything back; returns the progress and the JSON. ModelError if names or shapes differ from the net's."""
    state, tensors = read_state(folder), read_tensors(folder / TENSORS)
    fill(net, section(tensors, "net."))
    progress = Progress(**state["progress"])
    updates = state.get("updates", {"ema": progress.ema_updates})
    for name, average in averages.held.items():
        shadow = section(tensors, _prefix(name))
        if shadow.keys() != average.shadow.keys():
            raise ModelError(f"{folder}: holds no average {name!r} of this net; resume with the recipe of the run")
        average.shadow = {key: value.to(average.shadow[key].device) for key, value in shadow.items()}
        average.updates = updates[name]
    _fill_optimizer(optimizer, section(tensors, "optim."))
    torch.set_rng_state(tensors["rng.torch"])
    return progress, state


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON of a checkpoint."""
    state: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
    if state.get("format") != FORMAT:
        raise ModelError(f"{folder}: has format {state.get('format')}; this version reads {FORMAT}")
    return state


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    return load_file(path)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights that were best when last validated: those of an average, or of the net itself."""
    tensors = read_tensors(folder / TENSORS)
    averaged = section(tensors, "ema.")
    chosen = read_state(folder)["progress"].get("best_of") or ("ema" if averaged else "net")
    own = section(tensors, "net.")
    # What no average holds, whole numbers, comes from the net.
    return own if chosen == "net" else own | section(tensors, _prefix(chosen))


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
    """Copy ``values`` into the weights of ``net``, all of them and nothing else."""
    own = net.state_dict()
    if any(".time.conv." in name for name in values):
        raise ModelError(
            "weights are of a compact net of an earlier shape, which this version cannot run; train it again"
        )
    if own.keys() != values.keys():
        raise ModelError(f"weights do not fit the net: {sorted(own.keys() ^ values.keys())[:4]} are on one side only")
    for name, value in own.items():
        if value.shape != values[name].shape:
            raise ModelError(f"weight {name} is {tuple(values[name].shape)}; the net has {tuple(value.shape)}")
        value.copy_(values[name])


def section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _prefix(average: str) -> str:
    return "ema." if average == "ema" else f"average.{average}."


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
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The optimiser of a recipe: Adam or AdamW over all weights that are trained, in groups of their own rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from unbraid.errors import UsageError
from unbraid.train.recipe import OptimSection


def optimizer_for(net: nn.Module, optim: OptimSection, *, fused: bool = True) -> Optimizer:
    """Every group knows under "share" its rate over ``optim.lr``, for :func:`set_rate`."""
    taken: set[str] = set()
    trained = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    groups: list[dict[str, Any]] = []
    for section in optim.groups:
        names = [name for name in trained if name.startswith(section.match) and name not in taken]
        if not names:
            raise UsageError(f"optim.groups: no weight's name begins with {section.match!r}")
        taken |= set(names)
        decay = optim.weight_decay if section.weight_decay is None else section.weight_decay
        share = (section.lr or optim.lr) / optim.lr
        groups.append({"params": [trained[name] for name in names], "weight_decay": decay, "share": share})
    rest = [weight for name, weight in trained.items() if name not in taken]
    kind = torch.optim.AdamW if optim.name == "adamw" else torch.optim.Adam
    return kind(
        [*([{"params": rest, "share": 1.0}] if rest else []), *groups],
        optim.lr,
        betas=optim.betas,
        eps=optim.eps,
        weight_decay=optim.weight_decay,
        amsgrad=optim.amsgrad,
        fused=fused,
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]

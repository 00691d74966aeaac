"""Exponential moving averages of a net's weights: what is validated and exported.

At update t (from 0) an average moves by ``weight`` towards the net,

    shadow <- shadow + weight * (net - shadow).

Two rules for the weight are in use, which differ in how the beginning is forgotten. "warmup" is that of TensorFlow's
ExponentialMovingAverage, ``1 - min(decay, (1 + t) / (10 + t))``. "unbiased" is that of Demucs: with
``count <- count * decay + 1`` the weight is ``1 / count``, so after every update the shadow is the true weighted mean

    sum_s decay^s net_(t-s) / sum_s decay^s,        count = (1 - decay^(t+1)) / (1 - decay),

and the first update forgets the random start at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

Rule = Literal["warmup", "unbiased"]


class Ema:
    """Shadows all that is trained or counted in ``net`` and is a floating point number."""

    def __init__(self, net: nn.Module, decay: float, rule: Rule = "warmup") -> None:
        self.decay, self.rule, self.updates = decay, rule, 0
        self.shadow = {name: value.detach().clone() for name, value in _floats(net).items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move the shadow a step towards the weights."""
        weight = self._weight()
        self.updates += 1
        values = _floats(net)
        # All at once: on a GPU a net of hundreds of tensors else spends milliseconds on starting small kernels.
        torch._foreach_lerp_([self.shadow[name] for name in values], list(values.values()), weight)

    @contextmanager
    def applied(self, net: nn.Module) -> Iterator[None]:
        """Inside, ``net`` holds the averaged weights."""
        own = {name: value.detach().clone() for name, value in _floats(net).items()}
        _fill(net, self.shadow)
        try:
            yield
        finally:
            _fill(net, own)

    def _weight(self) -> float:
        if self.rule == "warmup":
            return 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        return (1 - self.decay) / (1 - self.decay ** (self.updates + 1))


class Averages:
    """The averages of a run by name: "ema", "batch-0.999" ..., "epoch-0.9" ..."""

    def __init__(self, net: nn.Module, ema: float, batches: tuple[float, ...], epochs: tuple[float, ...]) -> None:
        self.held: dict[str, Ema] = {"ema": Ema(net, ema)} if ema else {}
        self.held |= {f"batch-{decay:g}": Ema(net, decay, "unbiased") for decay in batches}
        self.held |= {f"epoch-{decay:g}": Ema(net, decay, "unbiased") for decay in epochs}

    def after_batch(self, net: nn.Module) -> None:
        for name, each in self.held.items():
            if not name.startswith("epoch-"):
                each.update(net)

    def after_epoch(self, net: nn.Module) -> None:
        for name, each in self.held.items():
            if name.startswith("epoch-"):
                each.update(net)

    def candidates(self) -> list[str]:
        """What is worth validating: every average that has begun, and the "net" itself unless there is an "ema"."""
        begun = [name for name, each in self.held.items() if each.updates]
        return begun if "ema" in begun else ["net", *begun]

    @contextmanager
    def applied(self, name: str, net: nn.Module) -> Iterator[None]:
        """Inside, ``net`` holds the weights of candidate ``name``."""
        if name == "net":
            yield
            return
        with self.held[name].applied(net):
            yield


def _floats(net: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in net.state_dict().items() if value.is_floating_point()}


@torch.no_grad()
def _fill(net: nn.Module, values: dict[str, Tensor]) -> None:
    for name, value in _floats(net).items():
        value.copy_(values[name])

"""Exponential moving average of a net's weights: what is validated and exported.

``decay`` is reached slowly, min(decay, (1 + t) / (10 + t)) at update t, so that the random start is soon forgotten
(the schedule of TensorFlow's ExponentialMovingAverage).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Shadows the parameters of ``net``, which must not change shape."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.shadow = {name: value.detach().clone() for name, value in net.named_parameters()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move the shadow a step towards the weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, value in net.named_parameters():
            self.shadow[name].lerp_(value, 1 - decay)

    @contextmanager
    def applied(self, net: nn.Module) -> Iterator[None]:
        """Inside, ``net`` holds the averaged weights."""
        own = copy.deepcopy({name: value.detach() for name, value in net.named_parameters()})
        _fill(net, self.shadow)
        try:
            yield
        finally:
            _fill(net, own)


@torch.no_grad()
def _fill(net: nn.Module, values: dict[str, Tensor]) -> None:
    for name, parameter in net.named_parameters():
        parameter.copy_(values[name])

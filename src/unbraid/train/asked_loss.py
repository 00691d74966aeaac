"""The loss of a net that is asked, and the figure that its training is steered by.

AudioSep learns from the mean absolute difference of the asked sound's wave and the answer (Liu et al. 2023, "Separate
Anything You Describe", section 3.3).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from unbraid.metrics.usdr import usdr_improvement
from unbraid.train.asked_data import AskedSampler
from unbraid.train.pieces import Shaper

_QUIET = 1e-3  # RMS: below it a target's SDR says nothing
_SEED = 0  # of the mixtures that every validation hears


class AskedTask(nn.Module):
    """A net and its loss as one module. shaper: from the sounds' rate to the net's, in mono."""

    def __init__(self, net: nn.Module, shaper: Shaper, kind: Literal["l1", "mse"]) -> None:
        super().__init__()
        self.net, self._shaper, self._kind = net, shaper, kind

    def forward(self, mixture: Tensor, target: Tensor, query: Tensor) -> dict[str, Tensor]:
        """The shapes of :class:`unbraid.train.asked_data.Asked`; returns the mean over all of it under "loss"."""
        with torch.no_grad():
            heard, truth = _shaped(self._shaper, mixture), _shaped(self._shaper, target)
        difference = self.net(heard, query[:, None])[:, 0].float() - truth
        return {"loss": (difference.abs() if self._kind == "l1" else difference.square()).mean()}


def sdr_improvement(net: nn.Module, shaper: Shaper, sampler: AskedSampler, mixtures: int) -> dict[str, float]:
    """By how many dB the answer is nearer to the asked sound than the mixture is, the median, under "asked" and "mean".

    Over ``mixtures`` mixtures, the same at every call; those whose asked sound is silent are left out. The net is left
    in training. Measured on pieces, without the engine's cutting, which is not what is learnt.
    """
    device, found = next(net.parameters()).device, []
    net.eval()
    for item in range(mixtures):
        drawn = sampler.batch([_SEED, item], 1)
        with torch.inference_mode():
            mixture, truth = (
                _shaped(shaper, torch.from_numpy(each).to(device)) for each in (drawn.mixture, drawn.target)
            )
            answer = net(mixture, torch.from_numpy(drawn.query).to(device)[:, None])[0, 0]
        if truth.square().mean().sqrt() > _QUIET:
            arrays = (each.cpu().numpy() for each in (truth[0], answer, mixture[0]))
            found.append(usdr_improvement(*arrays))
    net.train()
    median = float(np.median(found)) if found else None
    return {} if median is None else {"asked": median, "mean": median}


def _shaped(shaper: Shaper, wave: Tensor) -> Tensor:
    """``wave[batch, 1, time]`` at the net's rate."""
    return shaper.waves(wave, wave.new_ones(wave.shape[-1] // 2 + 1))

"""The loss of a net that answers with waves.

Demucs learns from the mean absolute error (Défossez et al. 2019, section 4.1), Wave-U-Net from the mean squared one
(Stoller et al. 2018, section 4.2). An error is the mean over channels and time; then comes the mean over examples, and
over stems by their weights. It is divided by what there could be of weights, not by what there is, so that examples
count alike however they are spread over turns and processes.

A target may be a sum of stems: the answer to it is the sum of theirs.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unbraid.train.loss import target_masks
from unbraid.train.pieces import Shaper

_QUIET = 1e-3
"""Deviation below which a mix is no longer brought to one."""


class WaveTask(nn.Module):
    """A net and its loss as one module.

    stem_weights: ``[stem]``. normalize: bring each mix to mean zero and deviation one, as the engine does with whole
    songs. edge: samples at either end that are heard but not asked for, of nets whose answer needs them.
    """

    stem_weights: Tensor

    def __init__(
        self,
        net: nn.Module,
        shaper: Shaper,
        kind: Literal["l1", "mse"],
        stem_weights: Tensor,
        *,
        normalize: bool = False,
        edge: int = 0,
    ) -> None:
        super().__init__()
        self.net, self._shaper, self._kind, self._normalize, self._edge = net, shaper, kind, normalize, edge
        self.register_buffer("stem_weights", stem_weights, persistent=False)

    def forward(self, wave: Tensor, curve: Tensor, members: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The shapes of :class:`unbraid.data.sample.Batch`; returns the total under "loss"."""
        with torch.no_grad():
            targets = self._shaper.waves(wave, curve)
            if self._normalize:
                targets = normalized(targets, members)
            mix = targets.sum(1)
        answers = target_masks(self.net(mix).float(), members)
        kept = slice(self._edge, answers.shape[-1] - self._edge)
        difference = (answers - targets)[..., kept]
        error = (difference.abs() if self._kind == "l1" else difference.square()).mean((2, 3))
        return {"loss": weighted(error, members, weight, self.stem_weights)}


def normalized(targets: Tensor, members: Tensor) -> Tensor:
    """``targets[batch, target, channel, time]`` such that their sum has a mono mean of zero and deviation one.

    The mean is taken out of the targets in equal parts for each stem; a stem's own mean is hardly ever there.
    """
    mono = targets.sum(1).mean(1)
    deviation, mean = torch.std_mean(mono, 1)
    shares = members.sum(2) / members.sum((1, 2))[:, None].clamp(min=1)
    offset = mean[:, None] * shares
    return (targets - offset[..., None, None]) / deviation.clamp(min=_QUIET)[:, None, None, None]


def weighted(error: Tensor, members: Tensor, weight: Tensor, stem_weights: Tensor) -> Tensor:
    """The mean of ``error[batch, target]``, each target counting as the stems in it do on average."""
    stems = members.sum(2).clamp(min=1)
    counts = weight * (members @ stem_weights) / stems
    return (error * counts).sum() / (len(error) * stem_weights.sum())

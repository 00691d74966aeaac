"""The loss of a spectrogram U-Net: the L1 distance of magnitudes (Jansson et al. 2017, equation 1).

With X the mix's STFT, Y a target's and m the mask, it is the mean over bins and frames of | m |X| - |Y| |.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbraid.nets.unet import UNet, magnitudes
from unbraid.train.loss import target_masks
from unbraid.train.pieces import Shaper
from unbraid.train.wave_loss import weighted


class MagnitudeTask(nn.Module):
    """A net and its loss as one module. stem_weights: ``[stem]``."""

    stem_weights: Tensor

    def __init__(self, net: UNet, shaper: Shaper, stem_weights: Tensor) -> None:
        super().__init__()
        self.net, self._shaper = net, shaper
        self.register_buffer("stem_weights", stem_weights, persistent=False)

    def forward(self, wave: Tensor, curve: Tensor, members: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The shapes of :class:`unbraid.data.sample.Batch`; returns the total under "loss"."""
        with torch.no_grad():
            stft = self.net.stft(self._shaper.waves(wave, curve))
            mix, truth = magnitudes(stft.sum(1)), magnitudes(stft)
        masks = target_masks(self.net.raw_masks(mix).float(), members)
        error = (masks * mix[:, None] - truth).abs().mean((2, 3, 4))
        return {"loss": weighted(error, members, weight, self.stem_weights)}

"""The initial weight rescaling of Demucs."""

from __future__ import annotations

import torch
from torch import nn


def rescale_weights(net: nn.Module, reference: float) -> None:
    """Bring the deviation of every convolution's weights half way (in dB) to ``reference``, in place.

    With ``a`` the deviation over ``reference``, weights and bias are divided by ``sqrt(a)`` (Défossez et al. 2019,
    "Music Source Separation in the Waveform Domain", section 4.1.3).
    """
    convolutions = (nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, convolutions) and not layer.weight.is_meta:  # one without memory has no deviation
                scale = (layer.weight.std() / reference).sqrt()
                layer.weight.div_(scale)
                if layer.bias is not None:
                    layer.bias.div_(scale)

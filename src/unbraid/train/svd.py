"""A penalty on the largest singular value of large weights, as Demucs 3 was trained with.

Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation", section 3.4. A layer with weights W, as a matrix
``[output, everything else]``, amplifies its input by at most its largest singular value s; the penalty is the sum of
s^2. It is estimated on a random subspace (Halko, Martinsson & Tropp 2011), new at each step, so that the gradient is
right on average at the price of a few products.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from unbraid.train.recipe import SvdSection

_NUMBERS_A_MB = 2**18  # of 32 bits
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


def svd_penalty(net: nn.Module, settings: SvdSection) -> Tensor:
    """The sum over all weights of at least ``min_size_mb``; a scalar that can be differentiated.

    transposed: transposed convolutions have their outputs on the second axis. The subspace has ``dim`` dimensions,
    found by ``iterations`` products with the matrix and its transpose, from torch's generator.
    """
    total = torch.zeros((), device=next(net.parameters()).device)
    for matrix in matrices(net, settings.min_size_mb, settings.transposed):
        largest = torch.svd_lowrank(matrix.float(), min(settings.dim, *matrix.shape), settings.iterations)[1][0]
        total = total + largest.square()
    return total


def matrices(net: nn.Module, min_size_mb: float, transposed: bool) -> Iterator[Tensor]:
    """Every trained weight of two axes or more and ``min_size_mb`` or more, as ``[output, rest]``."""
    for module in net.modules():
        for weight in module.parameters(recurse=False):
            if weight.dim() < 2 or weight.numel() / _NUMBERS_A_MB < min_size_mb or not weight.requires_grad:
                continue
            swapped = transposed and isinstance(module, _TRANSPOSED)
            yield (weight.transpose(0, 1) if swapped else weight).flatten(1)

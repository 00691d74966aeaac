"""Parts of the compact net that know bands and time, but no spectrogram."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAST_SPREAD = 0.05  # of a feature; a bin that hardly ever changes is not blown up


class BandLinear(nn.Module):
    """One linear map for each band: ``[band, ..., inputs] -> [band, ..., outputs]``."""

    def __init__(self, bands: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(bands, inputs, outputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(bands, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight) + self.bias


class Near(nn.Module):
    """``[band, time, batch, width]`` to the same: an MLP that hears a token and those ``reach`` before and after it.

    ``alike`` neighbouring bands have the same weights; those further apart look different, and weights of their own
    cost no time.
    """

    def __init__(self, width: int, hidden: int, reach: int, bands: int, alike: int) -> None:
        super().__init__()
        self._reach, self._sets = reach, bands // alike
        self.hear = BandLinear(self._sets, 3 * width, hidden)
        self.out = BandLinear(self._sets, hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        time, reach = x.shape[1], self._reach
        padded = nn.functional.pad(x, (0, 0, 0, 0, reach, reach))
        near = torch.cat([padded[:, :time], x, padded[:, 2 * reach : 2 * reach + time]], -1)
        rows = near.reshape(self._sets, -1, near.shape[-1])
        mixed: Tensor = self.out(nn.functional.silu(self.hear(rows)))
        return mixed.reshape(x.shape)


class Far(nn.Module):
    """``[band, time, batch, width]`` to the same: each band's whole past and future."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        band, time, batch, width = x.shape
        rows = self.lstm(x.transpose(0, 1).reshape(time, band * batch, width))[0]
        mixed: Tensor = self.out(rows)
        return mixed.reshape(time, band, batch, width).transpose(0, 1)


class Block(nn.Module):
    """``[band, time, batch, width]`` to the same: along time, then an MLP over bands, both residual."""

    def __init__(self, time: Near | Far, width: int, bands: int, mixer: int, depth: int) -> None:
        """mixer: hidden size of the MLP over bands. depth: how many blocks the net has."""
        super().__init__()
        self.time_norm = nn.LayerNorm(width)
        self.time = time
        self.band_norm = nn.LayerNorm(width)
        self.band_in = nn.Linear(bands, mixer)
        self.band_out = nn.Linear(mixer, bands)
        # Residual branches start small, so that a deep net starts near the identity.
        for layer in (self.time.out, self.band_out):
            inputs = layer.weight.shape[1]
            nn.init.normal_(layer.weight, std=(2 * depth * inputs) ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.time(self.time_norm(x))
        y = nn.functional.silu(over_bands(self.band_in, self.band_norm(x)))
        return x + over_bands(self.band_out, y)


def over_bands(layer: nn.Linear, x: Tensor) -> Tensor:
    """``layer`` along the first axis of ``x[band, ...]``, as one product of matrices."""
    y = torch.matmul(layer.weight, x.reshape(x.shape[0], -1)) + layer.bias[:, None]
    return y.reshape(-1, *x.shape[1:])


class Standardise(nn.Module):
    """Features to mean 0 and deviation 1, by constants that :meth:`measure` takes from music once, before training.

    Compressed magnitudes have a mean of twice their deviation; left in, it fills the tokens, and a thousand steps of
    training go by before anything is learnt (the figures are in docs/models/compact.md).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, bands: int, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands, 1, features))
        self.register_buffer("scale", torch.ones(bands, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) * self.scale

    def measure(self, x: Tensor) -> None:
        """Set the constants from ``x[band, example, feature]``."""
        self.mean.copy_(x.mean(1, keepdim=True))
        self.scale.copy_(1 / x.std(1, keepdim=True).clamp(min=_LEAST_SPREAD))

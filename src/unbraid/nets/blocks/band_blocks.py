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
    """``[time, batch, band, width]`` to the same: what three neighbouring bands do now and ``reach`` tokens away."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=(reach, 1), dilation=(reach, 1))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        # [batch, width, time, band]; for one item a view, and the order in which convolutions are fastest.
        y: Tensor = self.conv(x.permute(1, 3, 0, 2))
        mixed: Tensor = self.out(nn.functional.silu(y.permute(2, 0, 3, 1)))
        return mixed


class Far(nn.Module):
    """``[time, batch, band, width]`` to the same: each band's whole past and future."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        time, batch, band, width = x.shape
        rows = self.lstm(x.reshape(time, batch * band, width))[0]
        mixed: Tensor = self.out(rows)
        return mixed.reshape(time, batch, band, width)


class Block(nn.Module):
    """``[time, batch, band, width]`` to the same: along time, then an MLP over bands, both residual."""

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
            nn.init.normal_(layer.weight, std=(2 * depth * layer.in_features) ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.time(self.time_norm(x))
        y = self.band_norm(x)
        y = torch.matmul(self.band_in.weight, y) + self.band_in.bias[:, None]
        y = torch.matmul(self.band_out.weight, nn.functional.silu(y)) + self.band_out.bias[:, None]
        return x + y


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

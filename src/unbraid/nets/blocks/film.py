"""Residual blocks that a query steers: after each norm, an embedding shifts every channel.

Of feature-wise linear modulation (FiLM, Perez et al. 2018) AudioSep keeps the shift and leaves out the scale:

    y = leaky_relu(norm(x) + W q + b)

Features are ``[row, channel, frame, freq]``, queries ``[row, embedding]``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_MOMENTUM = 0.01
_SLOPE = 0.01


class ShiftedNorm(nn.Module):
    """Batch norm, the shift by the query, leaky ReLU."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, momentum=_MOMENTUM)
        self.shift = nn.Linear(embedding, channels)

    def forward(self, x: Tensor, query: Tensor) -> Tensor:
        # In place where no gradient needs what is overwritten: these maps are the largest things in memory.
        shifted: Tensor = self.norm(x).add_(self.shift(query)[:, :, None, None])
        return F.leaky_relu(shifted, _SLOPE, inplace=True)


class ResidualBlock(nn.Module):
    """Twice norm, shift, activation and a convolution of 3 x 3; beside them the input, widened if it has to be."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = ShiftedNorm(channels_in, embedding)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm2 = ShiftedNorm(channels_out, embedding)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor, query: Tensor) -> Tensor:
        deep: Tensor = self.conv1(self.norm1(x, query))
        deep = self.conv2(self.norm2(deep, query))
        return deep.add_(self.shortcut(x))


class UpBlock(nn.Module):
    """Norm, shift, activation, a transposed convolution by ``step`` (frames, freqs), then the join with the encoder."""

    def __init__(self, channels_in: int, channels_out: int, step: tuple[int, int], embedding: int) -> None:
        super().__init__()
        self.norm = ShiftedNorm(channels_in, embedding)
        self.up = nn.ConvTranspose2d(channels_in, channels_out, step, step, bias=False)
        self.block = ResidualBlock(2 * channels_out, channels_out, embedding)

    def forward(self, x: Tensor, skip: Tensor, query: Tensor) -> Tensor:
        joined = torch.cat([self.up(self.norm(x, query)), skip], 1)
        return self.block(joined, query)  # type: ignore[no-any-return]  # a module's call is Any

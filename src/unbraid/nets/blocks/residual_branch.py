"""The compressed residual branch inside every layer of Hybrid Demucs, and the scale that starts it near zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.nets.blocks.local_attention import LocalAttention
from unbraid.nets.blocks.recurrent import BidirectionalLSTM

_LSTM_FRAME = 200
_LSTM_LAYERS = 2


class LayerScale(nn.Module):
    """A learned factor for each channel, small at first (Touvron et al. 2021, "Going deeper with image transformers").

    axis: where the channels lie, 1 in ``[batch, channel, time]`` and -1 in ``[batch, time, channel]``.
    """

    def __init__(self, channels: int, init: float, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis
        self.scale = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.scale[:, None] if self.axis == 1 else self.scale)


@dataclass(frozen=True)
class BranchConfig:
    """Sizes of a residual branch.

    depth: number of residual steps, dilated by 1, 2, 4...; compress: by how much a step narrows its input;
    init: first value of the layer scale; norm, gelu, lstm, attention: what a step contains.
    """

    depth: int = 2
    compress: float = 4.0
    init: float = 1e-4
    norm: bool = True
    gelu: bool = True
    lstm: bool = False
    attention: bool = False


class ResidualBranch(nn.Module):
    """``[batch, channel, time] -> [batch, channel, time]``: ``depth`` steps ``x = x + f(x)``.

    A step is dilated convolution to fewer channels, activation, LSTM and local attention where wanted, 1x1 convolution
    back with a gated linear unit, layer scale (Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation",
    figure 2b).
    """

    def __init__(self, channels: int, config: BranchConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(self._step(channels, 2**number, config) for number in range(config.depth))

    @staticmethod
    def _step(channels: int, dilation: int, config: BranchConfig) -> nn.Sequential:
        hidden = int(channels / config.compress)
        inner: list[nn.Module] = []
        if config.lstm:
            inner.append(BidirectionalLSTM(hidden, _LSTM_LAYERS, _LSTM_FRAME, residual=True))
        if config.attention:
            inner.append(LocalAttention(hidden))
        return nn.Sequential(
            nn.Conv1d(channels, hidden, 3, dilation=dilation, padding=dilation),
            nn.GroupNorm(1, hidden) if config.norm else nn.Identity(),
            nn.GELU() if config.gelu else nn.ReLU(),
            *inner,
            nn.Conv1d(hidden, 2 * channels, 1),
            nn.GroupNorm(1, 2 * channels) if config.norm else nn.Identity(),
            nn.GLU(1),
            LayerScale(channels, config.init),
        )

    def forward(self, x: Tensor) -> Tensor:
        for step in self.layers:
            x = x + step(x)
        return x

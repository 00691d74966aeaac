"""Two Transformers, one over the spectrum and one over the wave, that listen to each other in every other layer.

Rouard, Massa & Défossez 2022, "Hybrid Transformers for Music Source Separation", section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unbraid.nets.blocks.attention import AttentionConfig, CrossAttentionLayer, SelfAttentionLayer


class CrossTransformer(nn.Module):
    """``spectrum[batch, channel, freq, frame]`` and ``wave[batch, channel, time]`` to the same shapes.

    layers: in each of the two; cross_first: whether the first is a cross-attention layer.
    position_weight, longest_period: of the sinusoidal embeddings of time and frequency.
    """

    def __init__(
        self, config: AttentionConfig, layers: int, cross_first: bool, position_weight: float, longest_period: float
    ) -> None:
        super().__init__()
        self.position_weight, self.longest_period = position_weight, longest_period
        self.crosses = tuple((index % 2 == 1) != cross_first for index in range(layers))
        self.norm_in, self.norm_in_t = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.layers = nn.ModuleList(_layer(config, cross) for cross in self.crosses)
        self.layers_t = nn.ModuleList(_layer(config, cross) for cross in self.crosses)

    def forward(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        _, channels, freqs, frames = spectrum.shape
        grid = frequency_time_positions(channels, freqs, frames, self.longest_period, spectrum.device)
        line = time_positions(channels, wave.shape[-1], self.longest_period, wave.device)
        # Tokens of the spectrum are ordered frame by frame, each from low to high.
        x = self.norm_in(_tokens(spectrum)) + self.position_weight * _tokens(grid[None])
        y = self.norm_in_t(wave.transpose(1, 2)) + self.position_weight * line
        for layer, layer_t, cross in zip(self.layers, self.layers_t, self.crosses, strict=True):
            x, y = (layer(x, y), layer_t(y, x)) if cross else (layer(x), layer_t(y))
        return x.transpose(1, 2).unflatten(-1, (frames, freqs)).transpose(-1, -2), y.transpose(1, 2)


def _layer(config: AttentionConfig, cross: bool) -> nn.Module:
    return CrossAttentionLayer(config) if cross else SelfAttentionLayer(config)


def _tokens(x: Tensor) -> Tensor:
    """``[batch, channel, freq, frame] -> [batch, frame * freq, channel]``."""
    return x.permute(0, 3, 2, 1).flatten(1, 2)


def time_positions(channels: int, length: int, longest_period: float, device: torch.device) -> Tensor:
    """Sinusoidal embedding ``[time, channel]``: cosines in the first half of the channels, sines in the second."""
    step = torch.arange(length, device=device)[:, None]
    half = channels // 2
    phase = step / longest_period ** (torch.arange(half, device=device) / (half - 1))
    return torch.cat([phase.cos(), phase.sin()], -1)


def frequency_time_positions(
    channels: int, freqs: int, frames: int, longest_period: float, device: torch.device
) -> Tensor:
    """Sinusoidal embedding ``[channel, freq, frame]``: the first half of the channels tells time, the second frequency.

    In each half sines and cosines alternate (Wang & Liu 2019, "Translating math formula images").
    """
    half = channels // 2
    rate = torch.exp(torch.arange(0, half, 2, device=device) * -(math.log(longest_period) / half))

    def waves(length: int) -> Tensor:
        phase = torch.arange(length, device=device)[:, None] * rate
        return torch.stack([phase.sin(), phase.cos()], -1).flatten(1).T  # [channel, position]

    by_frame = waves(frames)[:, None].expand(-1, freqs, -1)
    by_freq = waves(freqs)[:, :, None].expand(-1, -1, frames)
    return torch.cat([by_frame, by_freq])

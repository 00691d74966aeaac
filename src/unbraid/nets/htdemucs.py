"""Hybrid Transformer Demucs, version 4 (Rouard, Massa & Défossez 2022)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.attention import AttentionConfig
from unbraid.nets.blocks.cross_transformer import CrossTransformer
from unbraid.nets.blocks.hybrid_unet import HybridConfig, HybridUNet
from unbraid.spec import Spec

_NEVER = 1 << 20
"""A layer number that no net reaches: the residual branches have neither LSTM nor attention here."""


@dataclass(frozen=True, kw_only=True)
class HTDemucsConfig(HybridConfig):
    """Sizes of the net; the defaults are those of the class in demucs, the released nets differ (see their files).

    fixed_segment: answer every input at the length trained on, padded with zeros if it is shorter.
    bottom_channels: width of the Transformer, 0 for that of the last encoder layer.
    layers, heads, hidden_scale, dropout, gelu, layer_scale, norm_out, cross_first, position_weight, longest_period:
    of the Transformer.
    """

    segment: int = 10 * 44100
    depth: int = 4
    branch_compress: float = 8
    branch_init: float = 1e-3
    branch_attention: int = _NEVER
    branch_lstm: int = _NEVER
    fixed_segment: bool = True
    bottom_channels: int = 0
    layers: int = 5
    heads: int = 8
    hidden_scale: float = 4
    dropout: float = 0.0
    gelu: bool = True
    layer_scale: bool = True
    norm_out: bool = True
    cross_first: bool = False
    position_weight: float = 1.0
    longest_period: float = 10000.0


class HTDemucs(HybridUNet):
    """Four levels; between encoder and decoder the branches listen to each other in a cross-domain Transformer."""

    def __init__(self, config: HTDemucsConfig) -> None:
        super().__init__(config)
        self.config = config
        inner = int(config.channels * config.growth ** (config.depth - 1))
        width = config.bottom_channels or inner
        if config.bottom_channels:
            self.channel_upsampler, self.channel_downsampler = nn.Conv1d(inner, width, 1), nn.Conv1d(width, inner, 1)
            self.channel_upsampler_t = nn.Conv1d(inner, width, 1)
            self.channel_downsampler_t = nn.Conv1d(width, inner, 1)
        if config.layers:
            attention = AttentionConfig(
                width,
                config.heads,
                int(width * config.hidden_scale),
                config.dropout,
                config.gelu,
                config.layer_scale,
                config.norm_out,
            )
            self.crosstransformer = CrossTransformer(
                attention, config.layers, config.cross_first, config.position_weight, config.longest_period
            )

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(
            name,
            config.rate,
            config.audio_channels,
            config.stems,
            config.segment,
            fixed_length=config.fixed_segment,
            normalize="track",
            silence_exact=True,
        )

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        length = mix.shape[-1]
        if self.config.fixed_segment and not self.training and length < self.config.segment:
            mix = F.pad(mix, (0, self.config.segment - length))
        return super().forward(mix)[..., :length]

    def bottleneck(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        if not self.config.layers:
            return spectrum, wave
        if not self.config.bottom_channels:
            return self.crosstransformer(spectrum, wave)  # type: ignore[no-any-return]  # a module's call is Any
        shape = spectrum.shape[-2:]
        spectrum = self.channel_upsampler(spectrum.flatten(2)).unflatten(-1, shape)
        spectrum, wave = self.crosstransformer(spectrum, self.channel_upsampler_t(wave))
        spectrum = self.channel_downsampler(spectrum.flatten(2)).unflatten(-1, shape)
        return spectrum, self.channel_downsampler_t(wave)

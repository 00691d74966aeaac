"""Demucs on the waveform: versions 1 and 2 (Défossez et al. 2019) and the waveform net of version 3.

Défossez, Usunier, Bottou & Bach 2019, "Music Source Separation in the Waveform Domain"; the additions of version 3
are those of Défossez 2021 (residual branches, GELU, group norm).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.recurrent import BidirectionalLSTM
from unbraid.nets.blocks.rescale import rescale_weights
from unbraid.nets.blocks.residual_branch import BranchConfig, ResidualBranch
from unbraid.nets.blocks.sinc import Resample
from unbraid.nets.blocks.statistics import mean_and_deviation
from unbraid.spec import Spec

_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class DemucsConfig:
    """Sizes of the net; the defaults are those of version 3.

    stems, rate (Hz), audio_channels, segment (samples): what it separates, and how much at once.
    channels: width of the first layer; growth: how much wider each layer is than the one before; depth: of layers.
    kernel, stride: of the strided convolutions. rewrite: whether there are 1x1 and context convolutions between them;
    glu: whether those are gated; gelu: GELU or ReLU elsewhere.
    context: neighbours on either side that a decoder convolution sees; context_padded: keep the length there by
    padding with zeros (version 3), or let it shrink and give the net a longer input (versions 1 and 2).
    norm_starts, norm_groups: first layer with group norms, and their groups.
    branch_mode: residual branches in the encoder (1), decoder (2), both (3), none (0); branch_depth,
    branch_compress, branch_init: their sizes; branch_attention, branch_lstm: first layer whose branch contains them.
    lstm_layers: of the BiLSTM between encoder and decoder, 0 for none.
    normalize: bring each input to mean zero and deviation one. resample: work at twice the rate.
    rescale: reference of the initial weights, 0 for none.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 40 * 44100
    channels: int = 64
    growth: float = 2.0
    depth: int = 6
    kernel: int = 8
    stride: int = 4
    rewrite: bool = True
    glu: bool = True
    gelu: bool = True
    context: int = 1
    context_padded: bool = True
    norm_starts: int = 4
    norm_groups: int = 4
    branch_mode: int = 1
    branch_depth: int = 2
    branch_compress: float = 4
    branch_init: float = 1e-4
    branch_attention: int = 4
    branch_lstm: int = 4
    lstm_layers: int = 0
    normalize: bool = True
    resample: bool = True
    rescale: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only

    def valid_length(self, length: int) -> int:
        """The shortest input, no shorter than ``length`` samples, of which no convolution leaves a rest.

        Down and up again: a layer turns n into ceil((n - kernel) / stride) + 1 steps and back into
        (n - 1) * stride + kernel. Where contexts shrink, every layer must have that much more.
        """
        # While a net is exported, lengths are tensors: not to be changed in place, nor divided when negative.
        length = 2 * length if self.resample else length
        for _ in range(self.depth):
            length = (max(length, self.kernel) - self.kernel + self.stride - 1) // self.stride + 1
            length = length if self.context_padded else length + 2 * self.context
        for _ in range(self.depth):
            length = (length - 1) * self.stride + self.kernel
        return (length + 1) // 2 if self.resample else length


class Demucs(nn.Module):
    """Encoder of strided convolutions, BiLSTM, decoder of transposed convolutions, skip connections between."""

    def __init__(self, config: DemucsConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        inputs, width = config.audio_channels, config.channels
        for index in range(config.depth):
            outputs = inputs if index else inputs * len(config.stems)
            self.encoder.append(nn.Sequential(*_encoder_layer(config, index, inputs, width)))
            self.decoder.insert(0, nn.Sequential(*_decoder_layer(config, index, width, outputs)))
            inputs, width = width, int(config.growth * width)
        self.lstm = BidirectionalLSTM(inputs, config.lstm_layers) if config.lstm_layers else None
        if config.rescale:
            rescale_weights(self, config.rescale)
        self.upsample, self.downsample = Resample(1, 2), Resample(2, 1)

    def spec(self, name: str) -> Spec:
        config = self.config
        facts = (name, config.rate, config.audio_channels, config.stems, config.segment)
        if not config.context_padded:
            return Spec(*facts, normalize="track", silence_exact=config.normalize)
        first = config.valid_length(1)
        step = config.valid_length(first + 1) - first
        return Spec(*facts, normalize="track", silence_exact=config.normalize, shortest=first, multiple=step)

    @property
    def samples_a_step(self) -> int:
        """Samples that one step of the deepest layer stands for."""
        return int(self.config.stride**self.config.depth // (2 if self.config.resample else 1))

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        config, (batch, channels, length) = self.config, mix.shape
        x, mean, scale = mix, mix.new_zeros(()), mix.new_ones(())
        if config.normalize:
            mean, scale = mean_and_deviation(mix.mean(1, keepdim=True), (2,))
            x = (mix - mean) / (_EPS + scale)
        missing = config.valid_length(length) - length
        x = F.pad(x, (missing // 2, missing - missing // 2))
        if config.resample:
            x = self.upsample(x)
        x = self._through(x)
        if config.resample:
            x = self.downsample(x)
        x = _centre(x * scale + mean, length)
        return x.reshape(batch, len(config.stems), channels, length)

    def _through(self, x: Tensor) -> Tensor:
        skips = []
        for layer in self.encoder:
            x = layer(x)
            skips.append(x)
        if self.lstm is not None:
            x = self.lstm(x)
        for layer in self.decoder:
            x = layer(x + _centre(skips.pop(), x.shape[-1]))
        return x


def _encoder_layer(config: DemucsConfig, index: int, inputs: int, width: int) -> list[nn.Module]:
    """Strided convolution, residual branch, 1x1 convolution."""
    layers = [nn.Conv1d(inputs, width, config.kernel, config.stride), _norm(config, index, width), _activation(config)]
    if config.branch_mode & 1:
        layers.append(ResidualBranch(width, _branch(config, index)))
    if config.rewrite:
        wide = width * (2 if config.glu else 1)
        layers += [nn.Conv1d(width, wide, 1), _norm(config, index, wide), nn.GLU(1) if config.glu else nn.ReLU()]
    return layers


def _decoder_layer(config: DemucsConfig, index: int, width: int, outputs: int) -> list[nn.Module]:
    """Context convolution, residual branch, transposed convolution; the outermost one is linear."""
    layers: list[nn.Module] = []
    if config.rewrite:
        wide, kernel = width * (2 if config.glu else 1), 2 * config.context + 1
        context = nn.Conv1d(width, wide, kernel, padding=config.context if config.context_padded else 0)
        layers += [context, _norm(config, index, wide), nn.GLU(1) if config.glu else nn.ReLU()]
    if config.branch_mode & 2:
        layers.append(ResidualBranch(width, _branch(config, index)))
    layers.append(nn.ConvTranspose1d(width, outputs, config.kernel, config.stride))
    return [*layers, _norm(config, index, outputs), _activation(config)] if index else layers


def _norm(config: DemucsConfig, index: int, channels: int) -> nn.Module:
    return nn.GroupNorm(config.norm_groups, channels) if index >= config.norm_starts else nn.Identity()


def _activation(config: DemucsConfig) -> nn.Module:
    return nn.GELU() if config.gelu else nn.ReLU()


def _branch(config: DemucsConfig, index: int) -> BranchConfig:
    return BranchConfig(
        depth=config.branch_depth,
        compress=config.branch_compress,
        init=config.branch_init,
        lstm=index >= config.branch_lstm,
        attention=index >= config.branch_attention,
    )


def _centre(x: Tensor, length: int) -> Tensor:
    """The middle ``length`` steps; an odd one is dropped on the right."""
    start = (x.shape[-1] - length) // 2
    return x[..., start : start + length]

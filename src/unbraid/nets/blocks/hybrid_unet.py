"""The two-branch U-Net that Hybrid Demucs and its Transformer version share.

    mix ------------> time encoder  ---------------------> time decoder -----------> wave --+
     |                        \\ (joins once one frequency is left) /                        + --> stems
     +--> STFT ----> spectrum encoder --> bottleneck --> spectrum decoder --> STFT^-1 ------+

Every time layer shortens by ``stride``; every spectrum layer has ``stride`` times fewer frequencies. With a hop of
``n_fft / 4`` both branches have one step a frame when the frequencies are used up, and there the time branch joins.
Reference: Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unbraid.nets.blocks.hybrid_layer import DecoderLayer, EncoderLayer, LayerConfig
from unbraid.nets.blocks.rescale import rescale_weights
from unbraid.nets.blocks.residual_branch import BranchConfig
from unbraid.nets.blocks.spectrogram import analyse, synthesise
from unbraid.nets.blocks.split_bands import SplitDecoder, SplitEncoder
from unbraid.nets.blocks.statistics import mean_and_deviation
from unbraid.nets.blocks.wiener import wiener

_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """Sizes common to both nets.

    stems, rate (Hz), audio_channels, segment (samples): what it separates, and how much at once.
    channels: width of the first layer; channels_time: the same for the time branch, None for equal; growth: how much
    wider each layer is than the one before; depth: number of layers.
    n_fft: size of the STFT. complex_as_channels: the spectrum branch reads and writes real and imaginary parts as
    channels; otherwise it reads and writes magnitudes, and ``wiener_iterations`` (with ``wiener_residual``) make
    spectra of them.
    kernel, stride: of a layer; time_stride: of the layers after the branches have joined.
    context, context_encoder: neighbours that the gated convolutions see. rewrite: whether there are any.
    band_borders, band_depth: fractions of the frequencies at which the outermost layers change weights.
    freq_embedding: weight of the learned embedding of frequencies, 0 for none; embedding_scale, embedding_smooth:
    its learning rate's factor, and whether it starts smooth.
    norm_starts: first layer with norms; norm_groups: their groups.
    branch_mode: residual branches in the encoder (1), decoder (2), both (3); branch_depth, branch_compress,
    branch_init: their sizes; branch_attention, branch_lstm: first layer whose branch contains them.
    rescale: reference of the initial weights, 0 for none.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 40 * 44100
    channels: int = 48
    channels_time: int | None = None
    growth: float = 2
    depth: int = 6
    n_fft: int = 4096
    complex_as_channels: bool = True
    wiener_iterations: int = 0
    wiener_residual: bool = False
    legacy_padding: bool = False
    kernel: int = 8
    stride: int = 4
    time_stride: int = 2
    context: int = 1
    context_encoder: int = 0
    rewrite: bool = True
    band_borders: tuple[float, ...] = ()
    band_depth: int = 2
    freq_embedding: float = 0.2
    embedding_scale: float = 10
    embedding_smooth: bool = True
    norm_starts: int = 4
    norm_groups: int = 4
    branch_mode: int = 1
    branch_depth: int = 2
    branch_compress: float = 4
    branch_init: float = 1e-4
    branch_attention: int = 4
    branch_lstm: int = 4
    rescale: float = 0.1

    def __post_init__(self) -> None:
        # JSON has lists only.
        object.__setattr__(self, "stems", tuple(self.stems))
        object.__setattr__(self, "band_borders", tuple(self.band_borders))


@dataclass(frozen=True)
class _Level:
    """One level of the U-Net: channels in and out of the spectrum and of the time branch, and its layers' shapes."""

    index: int
    spectrum: tuple[int, int]
    time: tuple[int, int]
    spectrum_layer: LayerConfig
    time_layer: LayerConfig | None
    joins: bool
    freqs_left: int


class HybridUNet(nn.Module):
    """See the module. A subclass says what lies at the bottleneck."""

    def __init__(self, config: HybridConfig) -> None:
        super().__init__()
        self.hybrid = config
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.tencoder, self.tdecoder = nn.ModuleList(), nn.ModuleList()
        self.freq_emb: FrequencyEmbedding | None = None
        for level in _levels(config):
            self._add(level)
            if level.index == 0 and config.freq_embedding:
                self.freq_emb = FrequencyEmbedding(level.freqs_left, level.spectrum[1], config)
        if config.rescale:
            rescale_weights(self, config.rescale)

    def _add(self, level: _Level) -> None:
        """Append the level's encoder layers and prepend its decoder layers."""
        config = self.hybrid
        branch = BranchConfig(
            depth=config.branch_depth,
            compress=config.branch_compress,
            init=config.branch_init,
            lstm=level.index >= config.branch_lstm,
            attention=level.index >= config.branch_attention,
        )
        down = branch if config.branch_mode & 1 else None
        up = branch if config.branch_mode & 2 else None
        outermost = level.index == 0
        outputs = len(config.stems) if outermost else 1

        def encoder(layer: LayerConfig) -> EncoderLayer:
            return EncoderLayer(*level.spectrum, layer, config.context_encoder, down)

        def decoder(layer: LayerConfig, last: bool = outermost, context_freq: bool = True) -> DecoderLayer:
            given, answered = level.spectrum[1], level.spectrum[0] * outputs
            return DecoderLayer(given, answered, layer, config.context, up, last=last, context_freq=context_freq)

        if config.band_borders and level.index < config.band_depth:
            shape, borders = level.spectrum_layer, config.band_borders
            self.encoder.append(SplitEncoder(shape, borders, encoder))
            split = SplitDecoder(shape, borders, outermost, lambda layer: decoder(layer, True, False))
            self.decoder.insert(0, split)
        else:
            self.encoder.append(encoder(level.spectrum_layer))
            self.decoder.insert(0, decoder(level.spectrum_layer))
        if level.time_layer is not None:
            shape = level.time_layer
            self.tencoder.append(EncoderLayer(*level.time, shape, config.context_encoder, down, lone=level.joins))
            given, answered = level.time[1], level.time[0] * outputs
            self.tdecoder.insert(
                0, DecoderLayer(given, answered, shape, config.context, up, last=outermost, lone=level.joins)
            )

    @property
    def samples_a_step(self) -> int:
        """Samples that one step of the deepest layer stands for."""
        config, inner = self.hybrid, len(self.encoder) - len(self.tencoder)
        return int(config.n_fft // 4 * config.time_stride**inner)

    def bottleneck(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        """What happens between encoder and decoder; shapes are kept."""
        raise NotImplementedError

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        legacy = self.hybrid.legacy_padding
        wave, stft = self.core(mix, analyse(mix, self.hybrid.n_fft, legacy=legacy))
        return wave + synthesise(stft, mix.shape[-1], legacy=legacy)

    def core(self, mix: Tensor, stft: Tensor) -> tuple[Tensor, Tensor]:
        """Everything between the transforms: what an exported graph holds.

        mix: ``[batch, channel, time]``; stft: ``[batch, channel, 2, freq, frame]``.
        Returns ``wave[batch, stem, channel, time]`` and ``stft[batch, stem, channel, 2, freq, frame]``; the stems are
        ``wave`` plus the inverse transform of ``stft``.
        """
        config = self.hybrid
        heard = stft.flatten(1, 2) if config.complex_as_channels else torch.linalg.vector_norm(stft, dim=2)
        spectrum, wave = self._through(heard, mix)
        batch, stems, channels = mix.shape[0], len(config.stems), config.audio_channels
        wave = wave.view(batch, stems, channels, -1)
        if config.complex_as_channels:
            return wave, spectrum.view(batch, stems, channels, 2, *spectrum.shape[-2:])
        spectrum = spectrum.view(batch, stems, -1, *spectrum.shape[-2:])
        return wave, wiener(spectrum, stft, config.wiener_iterations, residual=config.wiener_residual)

    def _through(self, heard: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Both branches, each standardised before its first layer and scaled back after its last."""
        spectrum, spectrum_mean, spectrum_scale = _standardise(heard)
        wave, wave_mean, wave_scale = _standardise(mix)
        skips, wave_skips, frames, lengths = [], [], [], []
        for index, layer in enumerate(self.encoder):
            joined = None
            if index < len(self.tencoder):
                lengths.append(wave.shape[-1])
                wave = self.tencoder[index](wave)
                if self.tencoder[index].lone:
                    joined = wave
                else:
                    wave_skips.append(wave)
            frames.append(spectrum.shape[-1])
            spectrum = layer(_fit(spectrum, layer), joined)
            if index == 0 and self.freq_emb is not None:
                spectrum = spectrum + self.freq_emb()[:, :, None]
            skips.append(spectrum)
        spectrum, wave = self.bottleneck(spectrum, wave)
        first = len(self.decoder) - len(self.tdecoder)
        for index, layer in enumerate(self.decoder):
            spectrum, parting = layer(_fit(spectrum, layer), skips.pop(), frames.pop())
            if index < first:
                continue
            time_layer = self.tdecoder[index - first]
            if time_layer.lone:
                wave, _ = time_layer(parting[:, :, 0], None, lengths.pop())
            else:
                wave, _ = time_layer(wave, wave_skips.pop(), lengths.pop())
        spectrum = torch.addcmul(spectrum_mean, spectrum, spectrum_scale)
        return spectrum, torch.addcmul(wave_mean, wave, wave_scale)


class FrequencyEmbedding(nn.Module):
    """A learned vector for each frequency, since a convolution along frequency cannot tell low from high.

    Isik et al. 2020, "PoCoNet". Stored divided by ``embedding_scale``, which makes its learning rate so much larger.
    """

    def __init__(self, freqs: int, channels: int, config: HybridConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(freqs, channels)
        self.factor = config.freq_embedding * config.embedding_scale
        weight = self.embedding.weight
        if weight.is_meta:  # without memory there is nothing to smooth
            return
        with torch.no_grad():
            if config.embedding_smooth:
                # A random walk along frequency, each step divided by the walk's growing deviation.
                steps = torch.arange(1, freqs + 1, dtype=weight.dtype)[:, None]
                weight.copy_(weight.cumsum(0) / steps.sqrt())
            weight.div_(config.embedding_scale)

    def forward(self) -> Tensor:
        """``[channel, freq]``."""
        return self.embedding.weight.T * self.factor


def _levels(config: HybridConfig) -> list[_Level]:
    """The levels from the outside in: spectrum layers until one frequency is left, then layers over frames."""
    levels = []
    spectrum, time = config.audio_channels * (2 if config.complex_as_channels else 1), config.audio_channels
    wide, wide_time, freqs = config.channels, config.channels_time or config.channels, config.n_fft // 2
    for index in range(config.depth):
        over_freq, joins = freqs > 1, 1 < freqs <= config.kernel
        if joins:
            wide = wide_time = max(wide, wide_time)
        groups = config.norm_groups if index >= config.norm_starts else None
        time_layer = LayerConfig(False, config.kernel, config.stride, True, groups, config.rewrite)
        layer = replace(time_layer, over_freq=True)
        if joins:
            layer = replace(layer, kernel=freqs, padded=False)
        elif not over_freq:
            layer = replace(time_layer, kernel=2 * config.time_stride, stride=config.time_stride)
        freqs = 1 if joins or not over_freq else freqs // config.stride
        level_time = (time, wide_time)
        levels.append(
            _Level(index, (spectrum, wide), level_time, layer, time_layer if over_freq else None, joins, freqs)
        )
        spectrum, time = wide, wide_time
        wide, wide_time = int(config.growth * wide), int(config.growth * wide_time)
    return levels


def _fit(x: Tensor, layer: nn.Module) -> Tensor:
    """Between spectrum layers and the layers over frames below them: one frequency is an axis of size one, or none."""
    over_freq: bool = layer.layer.over_freq  # type: ignore[union-attr,assignment]  # a module's parts are untyped
    if over_freq and x.dim() == 3:
        return x[:, :, None]
    if not over_freq and x.dim() == 4:
        return x.flatten(1, 2)
    return x


def _standardise(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``x`` with mean zero and deviation one in every sample of the batch, and that mean and deviation."""
    mean, scale = mean_and_deviation(x, tuple(range(1, x.dim())))
    return (x - mean) / (_EPS + scale), mean, scale

"""TFC-TDF-UNet version 3, which its users know as MDX23C: a U-Net on complex spectra.

Choi, Kim, Chung & Jung 2020, "Investigating U-Nets with Various Intermediate Blocks for Spectrogram-based Singing Voice
Separation" (convolutions over time and frequency, TFC, beside layers over all frequencies of a frame, TDF); Kim & Lee
2023, "Sound Demixing Challenge 2023, Music Demixing Track Technical Report: TFC-TDF-UNet v3" (arXiv 2306.09382).

Of each frame the lowest frequencies are heard, cut into sub-bands that lie on top of each other as channels. What comes
out of the U-Net is multiplied with what went into it, and a last layer makes each stem's spectrum of that and the mix.
No convolution has an offset, so silence stays silence. Weights are called as in the published files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.centred_stft import through
from unbraid.spec import Spec


@dataclass(frozen=True, kw_only=True)
class MDX23CConfig:
    """Sizes of the net; the defaults are those of the usual nets for voices.

    stems: what the net gives; complement: whether the last is what the others leave of the mix. rate (Hz),
    audio_channels. n_fft, hop: of the STFT, with a Hann window; freqs: how many of its frequencies are heard, subbands:
    in how many pieces; frames: of what it is given at once. scales: levels of the U-Net, each ``scale`` times as coarse
    in time and in frequency; blocks in each; channels at the top, and growth by level; bottleneck: by how much a layer
    over frequencies is narrower inside. norm, groups: of what; activation.
    """

    stems: tuple[str, ...] = ("vocals", "other")
    complement: bool = False
    rate: int = 44100
    audio_channels: int = 2
    n_fft: int = 8192
    hop: int = 1024
    freqs: int = 4096
    subbands: int = 4
    frames: int = 256
    scales: int = 5
    scale: tuple[int, int] = (2, 2)
    blocks: int = 2
    channels: int = 128
    growth: int = 128
    bottleneck: int = 4
    norm: Literal["instance", "batch", "group", "none"] = "instance"
    groups: int = 1
    activation: Literal["gelu", "relu", "elu"] = "gelu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only
        object.__setattr__(self, "scale", tuple(self.scale))
        time, freq = (by**self.scales for by in self.scale)
        assert self.frames % time == 0 and self.freqs % (self.subbands * freq) == 0
        assert self.freqs <= self.n_fft // 2 + 1
        assert len(self.stems) > self.complement

    @property
    def segment(self) -> int:
        """Samples of what the net is given at once."""
        return self.hop * (self.frames - 1)

    @property
    def spectra(self) -> int:
        """How many stems have spectra of their own."""
        return len(self.stems) - self.complement


class MDX23C(nn.Module):
    """``forward`` takes waves apart; ``core`` is what is exported."""

    def __init__(self, config: MDX23CConfig) -> None:
        super().__init__()
        self.config = config
        size, by = config.freqs // config.subbands, config.scale[1]
        inputs, channels = 2 * config.audio_channels * config.subbands, config.channels
        self.first_conv = nn.Conv2d(inputs, channels, 1, bias=False)
        self.encoder_blocks = nn.ModuleList()
        for _ in range(config.scales):
            self.encoder_blocks.append(Down(config, channels, size))
            channels, size = channels + config.growth, size // by
        self.bottleneck_block = Level(config, channels, channels, size)
        self.decoder_blocks = nn.ModuleList()
        for _ in range(config.scales):
            channels, size = channels - config.growth, size * by
            self.decoder_blocks.append(Up(config, channels, size))
        self.final_conv = nn.Sequential(
            nn.Conv2d(channels + inputs, channels, 1, bias=False),
            _activation(config),
            nn.Conv2d(channels, config.spectra * inputs, 1, bias=False),
        )

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(
            name,
            config.rate,
            config.audio_channels,
            config.stems,
            config.segment,
            fixed_length=True,
            silence_exact=True,
        )

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        config, length = self.config, mix.shape[-1]
        coarsest = config.scale[0] ** config.scales
        frames = -(-(1 + -(-length // config.hop)) // coarsest) * coarsest
        return through(self.core, mix, config.hop * (frames - 1), config.n_fft, config.hop)

    def core(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, freq, frame] -> [batch, stem, channel, 2, freq, frame]``: the spectra."""
        config = self.config
        batch, channels, _, freqs, frames = stft.shape
        # Sub-bands are channels: [batch, channel and part and sub-band, freq, frame].
        low = stft[..., : config.freqs, :].reshape(batch, -1, config.freqs // config.subbands, frames)
        first = self.first_conv(low)
        x, shortcuts = first.transpose(-1, -2), []
        for down in self.encoder_blocks:
            x, shortcut = down(x)
            shortcuts.append(shortcut)
        x = self.bottleneck_block(x)
        for up in self.decoder_blocks:
            x = up(x, shortcuts.pop())
        answer = self.final_conv(torch.cat([low, x.transpose(-1, -2) * first], 1))
        spectra = answer.reshape(batch, config.spectra, channels, 2, config.freqs, frames)
        spectra = F.pad(spectra, (0, 0, 0, freqs - config.freqs))
        if not config.complement:
            return spectra
        return torch.cat([spectra, stft[:, None] - spectra.sum(1, keepdim=True)], 1)


class Level(nn.Module):
    """Some blocks of one level of the U-Net: ``[batch, channel, frame, freq]``."""

    def __init__(self, config: MDX23CConfig, inputs: int, channels: int, size: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(config, inputs if number == 0 else channels, channels, size) for number in range(config.blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    """Convolutions over time and frequency, and between them layers over all frequencies of a frame."""

    def __init__(self, config: MDX23CConfig, inputs: int, channels: int, size: int) -> None:
        super().__init__()
        inner = size // config.bottleneck
        self.tfc1 = _step(config, inputs, nn.Conv2d(inputs, channels, 3, padding=1, bias=False))
        self.tdf = nn.Sequential(
            *_step(config, channels, nn.Linear(size, inner, bias=False)),
            *_step(config, channels, nn.Linear(inner, size, bias=False)),
        )
        self.tfc2 = _step(config, channels, nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        self.shortcut = nn.Conv2d(inputs, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tfc1(x)
        answer: Tensor = self.tfc2(y + self.tdf(y)) + self.shortcut(x)
        return answer


class Down(nn.Module):
    """A level on the way down; returns what goes on, and what its partner on the way up is given."""

    def __init__(self, config: MDX23CConfig, channels: int, size: int) -> None:
        super().__init__()
        self.tfc_tdf = Level(config, channels, channels, size)
        wider = channels + config.growth
        coarser = nn.Conv2d(channels, wider, config.scale, config.scale, bias=False)
        self.downscale = nn.ModuleDict({"conv": _step(config, channels, coarser)})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.tfc_tdf(x)
        return self.downscale["conv"](kept), kept


class Up(nn.Module):
    """A level on the way up, joined by its partner's output."""

    def __init__(self, config: MDX23CConfig, channels: int, size: int) -> None:
        super().__init__()
        wider = channels + config.growth
        finer = nn.ConvTranspose2d(wider, channels, config.scale, config.scale, bias=False)
        self.upscale = nn.ModuleDict({"conv": _step(config, wider, finer)})
        self.tfc_tdf = Level(config, 2 * channels, channels, size)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        answer: Tensor = self.tfc_tdf(torch.cat([self.upscale["conv"](x), shortcut], 1))
        return answer


def _step(config: MDX23CConfig, channels: int, layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(_norm(config, channels), _activation(config), layer)


def _norm(config: MDX23CConfig, channels: int) -> nn.Module:
    if config.norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if config.norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity() if config.norm == "none" else nn.GroupNorm(config.groups, channels)


def _activation(config: MDX23CConfig) -> nn.Module:
    kinds: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "elu": nn.ELU}
    return kinds[config.activation]()

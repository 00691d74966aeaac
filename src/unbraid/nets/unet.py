"""Spectrogram U-Nets: that of Jansson et al. 2017, and Spleeter's.

Jansson, Humphrey, Montecchio, Bittner, Kumar & Weyde 2017, "Singing Voice Separation with Deep U-Net Convolutional
Networks"; Hennequin, Khlif, Voituret & Moussallam 2020, "Spleeter: a fast and efficient music source separation tool
with pre-trained models". Each stem has a U-Net of its own from the mix's magnitudes to a mask on them; the phase is
the mix's. The two differ in more than sizes:

                      Jansson                                  Spleeter
    input             log(1 + magnitude)                       magnitude
    a level down      convolution, norm, activation            the same
    shortcuts carry   what comes out of a level                what comes out of its convolution
    bottom            the last level's output                  the last convolution's output
    a level up        convolution, norm, activation            convolution, activation, norm
    top               the last level up, as many channels      one channel, then a dilated convolution
                      as the audio
    bins above        half of the mix                          nothing
    in use            the mask                                 each stem's share of all stems' energies
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.spec import Spec

_KERNEL, _STRIDE = 5, 2
_SLOPE = 0.2
_TINY = 1e-10
_DROPPED_LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Sizes of the net; the defaults are those of Spleeter's four stems.

    stems, rate (Hz), audio_channels, segment (samples): what it separates, and how much at once.
    form: which column of the module's table. n_fft, hop: of the STFT, with a Hann window. bins: of the mask, from the
    bottom up; a power of two for each level divides it. filters: of each level down. activation: "relu" (leaky on the
    way down) or "elu". masks: each stem's by itself ("sigmoid") or as shares ("softmax"). dropout: of the first three
    levels up, in training. norm_eps: of the batch norms.
    """

    stems: tuple[str, ...] = ("vocals", "drums", "bass", "other")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 511 * 1024
    form: Literal["spleeter", "jansson"] = "spleeter"
    n_fft: int = 4096
    hop: int = 1024
    bins: int = 1024
    filters: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    activation: Literal["relu", "elu"] = "elu"
    masks: Literal["sigmoid", "softmax"] = "sigmoid"
    dropout: float = 0.5
    norm_eps: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only
        object.__setattr__(self, "filters", tuple(self.filters))
        assert self.bins % self.block == 0 and self.bins <= self.n_fft // 2

    @property
    def block(self) -> int:
        """What divides bins and frames: one step of the deepest level."""
        return int(_STRIDE ** len(self.filters))


class UNet(nn.Module):
    """``forward`` takes waves apart; ``masks`` is what is exported."""

    window: Tensor

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.towers = nn.ModuleDict({stem: Tower(config) for stem in config.stems})
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(name, config.rate, config.audio_channels, config.stems, config.segment, silence_exact=True)

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        config, length = self.config, mix.shape[-1]
        # The last frame of an inverse STFT ends where it is centred.
        hops = max(1, -(-length // config.hop))
        stft = self.stft(F.pad(mix, (0, hops * config.hop - length)))
        spectra = torch.view_as_complex((stft[:, None] * self.masks(stft)[:, :, :, None]).movedim(3, -1).contiguous())
        waves = torch.istft(
            spectra.flatten(0, 2), config.n_fft, config.hop, window=self.window, length=hops * config.hop
        )
        return waves.reshape(*spectra.shape[:3], -1)[..., :length]

    def masks(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, freq, frame] -> [batch, stem, channel, freq, frame]``, real."""
        masks = self.raw_masks(magnitudes(stft))
        return self._shares(masks) if self.config.form == "spleeter" else masks

    def raw_masks(self, magnitude: Tensor) -> Tensor:
        """``magnitude[batch, channel, freq, frame]`` to the masks that are trained, ``[batch, stem, channel, ...]``.

        Bins above those that the net hears have a half of the mix (Jansson) or nothing (Spleeter).
        """
        config, frames = self.config, magnitude.shape[-1]
        heard = F.pad(magnitude[:, :, : config.bins], (0, -frames % config.block))
        heard = torch.log1p(heard) if config.form == "jansson" else heard
        logits = torch.stack([tower(heard) for tower in self.towers.values()], 1)[..., :frames]
        masks = logits.softmax(1) if config.masks == "softmax" else logits.sigmoid()
        above = magnitude.shape[2] - config.bins
        return F.pad(masks, (0, 0, 0, above), value=0.5 if config.form == "jansson" else 0.0)

    def _shares(self, masks: Tensor) -> Tensor:
        """Each stem's share of the energies of all; nothing above the bins that the net hears.

        With o the masked magnitudes of K stems, ``(o_k^2 + eps / K) / (sum o^2 + eps)``; the mix's own magnitude
        cancels but for eps, which stands for a bin where no stem is, so it is left out: masks alone decide.
        """
        bins, energies = self.config.bins, masks.square()
        shares = (energies + _TINY / masks.shape[1]) / (energies.sum(1, keepdim=True) + _TINY)
        return F.pad(shares[..., :bins, :], (0, 0, 0, masks.shape[3] - bins))

    def stft(self, wave: Tensor) -> Tensor:
        """``wave[..., time]`` to ``[..., 2, freq, frame]``; zeros beyond the ends, frame k centred on ``k * hop``."""
        config = self.config
        spectrum = torch.stft(
            wave.reshape(-1, wave.shape[-1]),
            config.n_fft,
            config.hop,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        parts = torch.view_as_real(spectrum).movedim(-1, 1)
        return parts.reshape(*wave.shape[:-1], *parts.shape[1:])


def magnitudes(stft: Tensor) -> Tensor:
    """``[..., 2, freq, frame] -> [..., freq, frame]``."""
    return stft.square().sum(-3).sqrt()


class Tower(nn.Module):
    """The U-Net of one stem: ``[batch, channel, bin, frame]`` to logits of the same shape."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self._spleeter = config.form == "spleeter"
        down, channels = config.filters, config.audio_channels
        up = [*down[-2::-1], 1] if self._spleeter else down[-2::-1]
        self.down = nn.ModuleList(
            Level(config, inputs, outputs, "down") for inputs, outputs in zip((channels, *down), down, strict=False)
        )
        self.up = nn.ModuleList(
            # Behind the first one, what comes up is joined by a shortcut of the same width.
            Level(config, inputs * (1 if place == 0 else 2), outputs, "up", place < _DROPPED_LEVELS)
            for place, (inputs, outputs) in enumerate(zip(down[::-1], up, strict=False))
        )
        # Four taps that are two bins apart reach over seven bins: three before and three after keep the length.
        dilated = nn.Conv2d(1, channels, 4, dilation=2, padding=3)
        self.top = dilated if self._spleeter else Unconvolution(2 * down[0], channels)

    def forward(self, x: Tensor) -> Tensor:
        shortcuts = []
        for level in self.down:
            x, convolved = level(x)
            shortcuts.append(convolved if self._spleeter else x)
        x = shortcuts.pop()
        for level in self.up:
            x, _ = level(x)
            if shortcuts:
                x = torch.cat([shortcuts.pop(), x], 1)
        logits: Tensor = self.top(x)
        return logits


class Level(nn.Module):
    """Convolution that halves or doubles, norm and activation; returns its output and the convolution's own."""

    def __init__(
        self, config: UNetConfig, inputs: int, outputs: int, way: Literal["down", "up"], drops: bool = False
    ) -> None:
        super().__init__()
        self.convolution = Convolution(inputs, outputs) if way == "down" else Unconvolution(inputs, outputs)
        self.norm = nn.BatchNorm2d(outputs, eps=config.norm_eps)
        relu = nn.LeakyReLU(_SLOPE) if way == "down" else nn.ReLU()
        self.activation = nn.ELU() if config.activation == "elu" else relu
        self.dropout = nn.Dropout(config.dropout if drops else 0.0)
        self._norm_first = way == "down" or config.form == "jansson"

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        convolved: Tensor = self.convolution(x)
        if self._norm_first:
            return self.dropout(self.activation(self.norm(convolved))), convolved
        return self.dropout(self.norm(self.activation(convolved))), convolved


class Convolution(nn.Conv2d):
    """Halves both axes. Of the three bins that the kernel reaches beyond, one lies before and two after."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, _KERNEL, _STRIDE)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 2, 1, 2)))


class Unconvolution(nn.ConvTranspose2d):
    """Doubles both axes; cut as :class:`Convolution` is padded."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, _KERNEL, _STRIDE)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x, output_size)[..., 1:-2, 1:-2]

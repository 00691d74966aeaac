"""SCNet: each band squeezed as much as it can bear (Tong, Zhu, Chen, Kang, Meng & Wu 2024, "SCNet: Sparse Compression
Network for Music Source Separation", arXiv 2401.13276).

An encoder makes the frequencies of a complex spectrum fewer, level by level: the low third of what matters is kept as
it is, the middle a quarter, the high a sixteenth. LSTMs go over what is left, along frequency and along time; every
second of them hears the Fourier transform along time instead of time. A decoder widens the bands again and makes the
stems' spectra. Weights are called as in the published files.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.centred_stft import through
from unbraid.spec import Spec


@dataclass(frozen=True, kw_only=True)
class SCNetConfig:
    """Sizes of the net; the defaults are those of the smaller published one.

    stems, rate (Hz), audio_channels, segment (samples). n_fft, hop: of the STFT, which has no window; normalized:
    whether its amplitudes are divided by the root of n_fft. widths: channels after each level. shares: of all
    frequencies, the low and the middle band; strides, kernels: by how much each band is made coarser, and what is seen
    for that. depths: layers of each band's convolutions, compress: by how much they are narrower inside, reach: what
    they see. layers: pairs of LSTMs; expand: by how much they are wider than what they hear.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 475 * 1024
    n_fft: int = 4096
    hop: int = 1024
    normalized: bool = True
    widths: tuple[int, ...] = (32, 64, 128)
    shares: tuple[float, ...] = (0.175, 0.392)
    strides: tuple[int, ...] = (1, 4, 16)
    kernels: tuple[int, ...] = (3, 4, 16)
    depths: tuple[int, ...] = (3, 2, 1)
    compress: int = 4
    reach: int = 3
    layers: int = 6
    expand: int = 1

    def __post_init__(self) -> None:
        for name in ("stems", "widths", "shares", "strides", "kernels", "depths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON has lists only
        assert len(self.shares) == 2 and len(self.strides) == len(self.kernels) == len(self.depths) == 3
        assert self.layers % 2 == 0 and self.reach % 2 == 1
        assert whole_length(self.segment, self.hop) == self.segment


class SCNet(nn.Module):
    """``forward`` takes waves apart; ``core`` is what is exported."""

    def __init__(self, config: SCNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = (2 * config.audio_channels, *config.widths)
        self.encoder = nn.ModuleList(Encoder(config, before, after) for before, after in pairwise(widths))
        outs = (widths[0] * len(config.stems), *widths[1:])
        self.decoder = nn.ModuleList(
            nn.ModuleList([Fusion(widths[level + 1]), Widen(config, widths[level + 1], outs[level])])
            for level in reversed(range(len(config.widths)))
        )
        self.separation_net = DualPath(config)

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(name, config.rate, config.audio_channels, config.stems, config.segment, fixed_length=True)

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        config = self.config
        whole = whole_length(max(mix.shape[-1], config.n_fft), config.hop)
        return through(self.core, mix, whole, config.n_fft, config.hop, "ones")

    def core(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, freq, frame] -> [batch, stem, channel, 2, freq, frame]``: the spectra."""
        scale = self.config.n_fft**0.5 if self.config.normalized else 1.0
        x, kept = stft.flatten(1, 2) / scale, []
        for encoder in self.encoder:
            x, skip, sizes = encoder(x)
            kept.append((skip, sizes))
        x = self.separation_net(x)
        for decoder in self.decoder:
            assert isinstance(decoder, nn.ModuleList)
            fusion, widen = decoder
            skip, sizes = kept.pop()
            x = widen(fusion(x, skip), sizes)
        answer: Tensor = x.reshape(len(stft), -1, *stft.shape[1:]) * scale
        return answer


def whole_length(length: int, hop: int) -> int:
    """The next length of whole hops with an even number of frames, which Fourier transforms along time want."""
    hops = -(-length // hop)
    return hop * (hops + 1 - hops % 2)


def bands_of(freqs: int, shares: tuple[float, ...]) -> tuple[int, int, int]:
    """How many of ``freqs`` frequencies the low, the middle and the high band have."""
    low, middle = ceil(freqs * shares[0]), ceil(freqs * (shares[0] + shares[1]))
    return low, middle - low, freqs - middle


def missing(size: int, kernel: int, stride: int) -> int:
    """By how many zeros a band of ``size`` frequencies grows before its convolution."""
    return kernel - 1 if stride == 1 else -size % stride


Sizes = list[tuple[int, int]]
"""Of each band: how many frequencies went in, and how many came out."""


class Encoder(nn.Module):
    """One level down: ``[batch, channel, freq, frame]`` to the next, what the decoder is given of it, and sizes."""

    def __init__(self, config: SCNetConfig, before: int, after: int) -> None:
        super().__init__()
        self.SDlayer = Squeeze(config, before, after)
        self.conv_modules = nn.ModuleList(Convolutions(config, after, depth) for depth in config.depths)
        self.globalconv = nn.Conv2d(after, after, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Sizes]:
        bands, sizes = [], []
        for (band, size), convolutions in zip(self.SDlayer(x), self.conv_modules, strict=True):
            batch, channels, freqs, frames = band.shape
            rows = convolutions(band.transpose(1, 2).reshape(batch * freqs, channels, frames))
            bands.append(F.gelu(rows.reshape(batch, freqs, channels, frames).transpose(1, 2)))
            sizes.append((size, freqs))
        skip = torch.cat(bands, 2)
        return self.globalconv(skip), skip, sizes


class Squeeze(nn.Module):
    """The three bands, each by a convolution along frequency."""

    def __init__(self, config: SCNetConfig, before: int, after: int) -> None:
        super().__init__()
        self.config = config
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, (kernel, 1), (stride, 1))
            for kernel, stride in zip(config.kernels, config.strides, strict=True)
        )

    def forward(self, x: Tensor) -> list[tuple[Tensor, int]]:
        """Each band, and how many frequencies it had before."""
        config, start, answers = self.config, 0, []
        # A plain number in traces, too, whose products are rounded otherwise.
        sizes = bands_of(int(x.shape[2]), config.shares)
        for conv, kernel, stride, size in zip(self.convs, config.kernels, config.strides, sizes, strict=True):
            more = missing(size, kernel, stride)
            padded = F.pad(x[:, :, start : start + size], (0, 0, more // 2, more - more // 2))
            answers.append((conv(padded), size))
            start += size
        return answers


class Convolutions(nn.Module):
    """Convolutions along time, each added to what it was given: ``[row, channel, frame]``."""

    def __init__(self, config: SCNetConfig, channels: int, depth: int) -> None:
        super().__init__()
        inner, reach = channels // config.compress, config.reach
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, channels),
                nn.Conv1d(channels, 2 * inner, reach, padding=reach // 2),
                nn.GLU(1),
                nn.Conv1d(inner, inner, reach, padding=reach // 2, groups=inner),
                nn.GroupNorm(1, inner),
                nn.SiLU(),
                nn.Conv1d(inner, channels, 1),
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return x


class Fusion(nn.Module):
    """What comes up and what the encoder kept, added, and passed through a gated convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return F.glu(self.conv((x + skip).repeat(1, 2, 1, 1)), 1)


class Widen(nn.Module):
    """The three bands as wide as they were."""

    def __init__(self, config: SCNetConfig, before: int, after: int) -> None:
        super().__init__()
        self.convtrs = nn.ModuleList(
            nn.ConvTranspose2d(before, after, (kernel, 1), (stride, 1))
            for kernel, stride in zip(config.kernels, config.strides, strict=True)
        )

    def forward(self, x: Tensor, sizes: Sizes) -> Tensor:
        bands, start = [], 0
        for convtr, (size, squeezed) in zip(self.convtrs, sizes, strict=True):
            band = convtr(x[:, :, start : start + squeezed])
            start += squeezed
            edge = abs(band.shape[2] - size) // 2
            bands.append(band[:, :, edge : edge + size])
        return torch.cat(bands, 2)


class DualPath(nn.Module):
    """LSTMs along frequency and along time; after each pair the Fourier transform along time, or its inverse."""

    def __init__(self, config: SCNetConfig) -> None:
        super().__init__()
        width = config.widths[-1]
        self.dp_modules = nn.ModuleList(
            Pair(width * (1 + number % 2), config.expand) for number in range(config.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for number, pair in enumerate(self.dp_modules):
            x = pair(x)
            x = _to_time(x) if number % 2 else _from_time(x)
        return x


class Pair(nn.Module):
    """A bidirectional LSTM along frequency, then one along time, each added to what it was given."""

    def __init__(self, width: int, expand: int) -> None:
        super().__init__()
        hidden = width * expand
        self.lstm_layers = nn.ModuleList(nn.LSTM(width, hidden, bidirectional=True, batch_first=True) for _ in range(2))
        self.linear_layers = nn.ModuleList(nn.Linear(2 * hidden, width) for _ in range(2))
        self.norm_layers = nn.ModuleList(nn.GroupNorm(1, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, freqs, frames = x.shape
        rows = self.norm_layers[0](x).permute(0, 3, 2, 1).reshape(batch * frames, freqs, channels)
        x = x + self._along(0, rows).reshape(batch, frames, freqs, channels).permute(0, 3, 2, 1)
        rows = self.norm_layers[1](x).permute(0, 2, 3, 1).reshape(batch * freqs, frames, channels)
        answer: Tensor = x + self._along(1, rows).reshape(batch, freqs, frames, channels).permute(0, 3, 1, 2)
        return answer

    def _along(self, way: int, rows: Tensor) -> Tensor:
        heard, _ = self.lstm_layers[way](rows)
        answer: Tensor = self.linear_layers[way](heard)
        return answer


def _from_time(x: Tensor) -> Tensor:
    """``[..., frame]`` to its orthonormal Fourier transform, real and imaginary parts as twice the channels."""
    if not torch.onnx.is_in_onnx_export():
        spectrum = torch.fft.rfft(x.float(), norm="ortho")
        return torch.cat([spectrum.real, spectrum.imag], 1)
    cos, sin = _waves(x.shape[-1])
    return torch.cat([x @ cos, x @ -sin], 1)


def _to_time(x: Tensor) -> Tensor:
    """The inverse, of an even number of frames."""
    real, imaginary = x.float().chunk(2, 1)
    if not torch.onnx.is_in_onnx_export():
        wave: Tensor = torch.fft.irfft(torch.complex(real, imaginary), norm="ortho")
        return wave
    frames = 2 * (x.shape[-1] - 1)
    cos, sin = _waves(frames)
    # Of a real signal the upper half of the spectrum mirrors the lower; 0 and the middle have no mirror image.
    twice = torch.full((x.shape[-1],), 2.0)
    twice[0] = twice[-1] = 1.0
    answer: Tensor = (real * twice) @ cos.T - (imaginary * twice) @ sin.T
    return answer


def _waves(frames: int) -> tuple[Tensor, Tensor]:
    """The transform as matrices ``[frame, freq]``, for graphs, which know no complex numbers."""
    places, freqs = torch.arange(frames), torch.arange(frames // 2 + 1)
    angle = 2 * torch.pi * (places[:, None] * freqs % frames).double() / frames
    return (angle.cos() / frames**0.5).float(), (angle.sin() / frames**0.5).float()

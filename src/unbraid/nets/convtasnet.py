"""Conv-TasNet in stereo, as Demucs versions 1 and 2 shipped it.

Luo & Mesgarani 2019, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech Separation", with
several audio channels at both ends (Défossez et al. 2019, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.spec import Spec

_EPS = 1e-8


@dataclass(frozen=True, kw_only=True)
class ConvTasNetConfig:
    """Sizes of the net, with the letters of the paper's table 1.

    stems, rate (Hz), audio_channels, segment (samples): what it separates, and how much at once.
    filters (N) of ``window`` (L) samples in the learned transform; bottleneck (B) and hidden (H) channels, kernel (P),
    blocks (X) in each of the repeats (R) of the separator; softmax: masks that sum to one, or ReLU.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 8 * 44100
    filters: int = 256
    window: int = 20
    bottleneck: int = 256
    hidden: int = 512
    kernel: int = 3
    blocks: int = 10
    repeats: int = 4
    softmax: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only


class ConvTasNet(nn.Module):
    """A learned transform, a mask for each stem in it, and a learned inverse."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Transform(config)
        self.separator = Separator(config)
        self.decoder = InverseTransform(config)

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(name, config.rate, config.audio_channels, config.stems, config.segment, normalize="track")

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``; what no window covers is zero."""
        length = mix.shape[-1]
        if length < self.config.window:  # there would be no frame at all
            return self.forward(F.pad(mix, (0, self.config.window - length)))[..., :length]
        heard = self.encoder(mix)
        stems: Tensor = self.decoder(heard[:, None] * self.separator(heard))
        return F.pad(stems, (0, length - stems.shape[-1]))


class Transform(nn.Module):
    """``[batch, channel, time] -> [batch, filter, frame]``, not negative; windows overlap by a half."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.conv1d_U = nn.Conv1d(config.audio_channels, config.filters, config.window, config.window // 2, bias=False)

    def forward(self, mix: Tensor) -> Tensor:
        return F.relu(self.conv1d_U(mix))


class InverseTransform(nn.Module):
    """``[batch, stem, filter, frame] -> [batch, stem, channel, time]``: windows from a learned basis, overlap-added."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.channels, self.window = config.audio_channels, config.window
        self.basis_signals = nn.Linear(config.filters, config.audio_channels * config.window, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pieces = self.basis_signals(x.transpose(2, 3)).unflatten(-1, (self.channels, self.window)).transpose(2, 3)
        half = self.window // 2
        # Two windows cover every hop: the first half of one and the second half of the one before.
        first, second = pieces[..., :half].flatten(-2), pieces[..., half:].flatten(-2)
        return F.pad(first, (0, half)) + F.pad(second, (half, 0))


class Separator(nn.Module):
    """``[batch, filter, frame] -> masks[batch, stem, filter, frame]``."""

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.stems, self.softmax = len(config.stems), config.softmax
        repeats = (
            nn.Sequential(*(block(config, 2**number) for number in range(config.blocks))) for _ in range(config.repeats)
        )
        self.network = nn.Sequential(
            ChannelNorm(config.filters),
            nn.Conv1d(config.filters, config.bottleneck, 1, bias=False),
            nn.Sequential(*repeats),
            nn.Conv1d(config.bottleneck, self.stems * config.filters, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        score = self.network(x).unflatten(1, (self.stems, -1))
        masks: Tensor = score.softmax(1) if self.softmax else F.relu(score)
        return masks


class Residual(nn.Module):
    """``x + net(x)``."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return x + y


class Nested(nn.Module):
    """``net(x)``: a level of names, and nothing else, as the released weights have it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


def block(config: ConvTasNetConfig, dilation: int) -> Residual:
    """1x1 convolution up, dilated convolution of each channel, 1x1 convolution down (figure 1C of the paper)."""
    hidden, padding = config.hidden, (config.kernel - 1) * dilation // 2
    depthwise = nn.Sequential(
        nn.Conv1d(hidden, hidden, config.kernel, padding=padding, dilation=dilation, groups=hidden, bias=False),
        nn.PReLU(),
        GlobalNorm(hidden),
        nn.Conv1d(hidden, config.bottleneck, 1, bias=False),
    )
    up = nn.Conv1d(config.bottleneck, hidden, 1, bias=False)
    return Residual(nn.Sequential(up, nn.PReLU(), GlobalNorm(hidden), Nested(depthwise)))


class _Norm(nn.Module):
    """Mean zero and deviation one over ``axes`` of ``[batch, channel, time]``, then a gain and offset per channel."""

    axes: tuple[int, ...]

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(self.axes, keepdim=True)
        variance = centred.square().mean(self.axes, keepdim=True)
        y: Tensor = self.gamma * centred / (variance + _EPS).sqrt() + self.beta
        return y


class GlobalNorm(_Norm):
    """Over channels and time (gLN, equation 9)."""

    axes = (1, 2)


class ChannelNorm(_Norm):
    """Over channels at each step (cLN without its causal part)."""

    axes = (1,)

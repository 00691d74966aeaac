"""Wave-U-Net: a U-Net on samples (Stoller, Ewert & Dixon 2018), in the form of its authors' PyTorch version.

Stoller, Ewert & Dixon 2018, "Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio Source Separation". The
PyTorch version differs from the paper in its sizes, in group norms, in a stride of four, and in low-pass filters around
each change of rate. Names and shapes of the weights are those of that version. Two ideas of the paper are kept:

- Convolutions see real samples only (section 3.2.2): none is padded, so that the answer is shorter than what is heard,
  by :attr:`WaveUNet.context` samples at either end. The engine hears that much more of the song around every chunk.
- The last stem may be the difference between the mix and the others (section 3.2.1).

Answers are not clipped to one, as that version does in use: the level of a stem is the writer's business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.spec import Spec

_NORM_CHANNELS = 8
_TAPS = 15


class Sizes(NamedTuple):
    """How many samples are heard for how many that are answered; the latter lie in the middle of the former."""

    heard: int
    answered: int


@dataclass(frozen=True, kw_only=True)
class WaveUNetConfig:
    """Sizes of the net; the defaults are those of the PyTorch version.

    stems, rate (Hz), audio_channels, segment (samples): what it separates, and how much at once.
    levels: of the U, one more than there are changes of rate. features: of the first level; growth: whether each level
    has twice those of the one above, or as many more as the first has. stride: of a change of rate. kernel: of all
    convolutions, odd. depth: convolutions on either side of a shortcut.
    norm: group norms of eight channels and ReLU, or none and leaky ReLU. resampling: a fixed low-pass filter, or a
    convolution that learns. separate: a net of its own for each stem. difference: the last stem is what is left over.
    """

    stems: tuple[str, ...] = ("bass", "drums", "other", "vocals")
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 88_409
    levels: int = 6
    features: int = 32
    growth: Literal["double", "add"] = "double"
    stride: int = 4
    kernel: int = 5
    depth: int = 1
    norm: Literal["group", "none"] = "group"
    resampling: Literal["sinc", "learned"] = "sinc"
    separate: bool = True
    difference: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only
        assert self.kernel % 2 == 1 and self.stride > 1 and self.levels > 1

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        factors = [2**level if self.growth == "double" else level + 1 for level in range(self.levels)]
        return [self.features * factor for factor in factors]

    @property
    def learnt(self) -> tuple[str, ...]:
        """The stems that the net itself answers."""
        return self.stems[:-1] if self.difference else self.stems

    def answered(self, steps: int) -> int:
        """Samples answered by ``steps`` of the deepest level: a linear function of them.

        A level up makes ``(n - 1) * stride + 1`` steps of n, of which every convolution takes ``kernel - 1``.
        """
        taken = (self.kernel - 1) * (2 * self.depth + (self.resampling == "learned"))
        for _ in range(self.levels - 1):
            steps = (steps - 1) * self.stride + 1 - taken
        return steps

    def heard(self, steps: int) -> int:
        """Samples heard for ``steps`` answers of the deepest level, by the same arithmetic backwards."""
        taken = (self.kernel - 1) * (2 * self.depth + (self.resampling == "learned"))
        # While a net is exported, lengths are tensors, which must not be changed in place.
        steps = steps + (self.kernel - 1) * self.depth
        for _ in range(self.levels - 1):
            steps = (steps - 1) * self.stride + 1 + taken
        return steps

    def sizes(self, length: int) -> Sizes:
        """The smallest sizes that answer ``length`` samples."""
        step = self.stride ** (self.levels - 1)
        # The low-pass filters reflect half of their taps, which must be there.
        steps = max(_TAPS // 2 + 1, (length - self.answered(0) + step - 1) // step)
        return Sizes(self.heard(steps), self.answered(steps))


@dataclass(frozen=True)
class WaveUNetSpec(Spec):
    """A spec whose valid lengths hold the context of what is asked for."""

    config: WaveUNetConfig = WaveUNetConfig()

    def valid_length(self, length: int) -> int:
        heard, answered = self.config.sizes(length)
        return self.config.sizes(length + heard - answered).answered


class WaveUNet(nn.Module):
    """One U-Net for each stem, or one for all."""

    def __init__(self, config: WaveUNetConfig) -> None:
        super().__init__()
        self.config = config
        names = config.learnt if config.separate else ("ALL",)
        outputs = config.audio_channels * (1 if config.separate else len(config.learnt))
        self.waveunets = nn.ModuleDict({name: Trunk(config, outputs) for name in names})

    def spec(self, name: str) -> Spec:
        config = self.config
        return WaveUNetSpec(name, config.rate, config.audio_channels, config.stems, config.segment, config=config)

    @property
    def context(self) -> int:
        """Samples at either end of an input that are heard for the sake of the others: theirs is silence beyond."""
        heard, answered = self.config.sizes(1)
        return (heard - answered) // 2

    @property
    def samples_a_step(self) -> int:
        """Samples that one step of the deepest level stands for."""
        return int(self.config.stride ** (self.config.levels - 1))

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``; beyond the ends there is silence."""
        config, length = self.config, mix.shape[-1]
        heard, answered = config.sizes(length)
        left = (heard - answered) // 2
        padded = F.pad(mix, (left, heard - length - left))
        answers = torch.cat([net(padded) for net in self.waveunets.values()], 1)[..., :length]
        stems: Tensor = answers.reshape(len(mix), len(config.learnt), config.audio_channels, length)
        if config.difference:
            stems = torch.cat([stems, mix[:, None] - stems.sum(1, keepdim=True)], 1)
        return stems


class Trunk(nn.Module):
    """``[batch, channel, heard] -> [batch, output, answered]``."""

    def __init__(self, config: WaveUNetConfig, outputs: int) -> None:
        super().__init__()
        widths = config.widths
        inputs = [config.audio_channels, *widths[1:-1]]
        self.downsampling_blocks = nn.ModuleList(
            DownBlock(config, before, width, below)
            for before, width, below in zip(inputs, widths[:-1], widths[1:], strict=True)
        )
        self.upsampling_blocks = nn.ModuleList(
            UpBlock(config, below, width) for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.bottlenecks = convolutions(config, widths[-1], widths[-1])
        self.output_conv = nn.Conv1d(widths[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcuts = []
        for down in self.downsampling_blocks:
            x, shortcut = down(x)
            shortcuts.append(shortcut)
        for layer in self.bottlenecks:
            x = layer(x)
        for up in self.upsampling_blocks:
            x = up(x, shortcuts.pop())
        y: Tensor = self.output_conv(x)
        return y


class DownBlock(nn.Module):
    """Convolutions, the shortcut, convolutions, a lower rate."""

    def __init__(self, config: WaveUNetConfig, inputs: int, shortcut: int, outputs: int) -> None:
        super().__init__()
        self.pre_shortcut_convs = convolutions(config, inputs, shortcut)
        self.post_shortcut_convs = convolutions(config, shortcut, outputs)
        fixed = config.resampling == "sinc"
        self.downconv = Downsample(outputs, config.stride) if fixed else Convolution(config, outputs, outputs, "down")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.pre_shortcut_convs:
            x = layer(x)
        shortcut = x
        for layer in self.post_shortcut_convs:
            x = layer(x)
        return self.downconv(x), shortcut


class UpBlock(nn.Module):
    """A higher rate, convolutions, the shortcut joins, convolutions."""

    def __init__(self, config: WaveUNetConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        assert config.depth == 1, "that version's deeper blocks join the shortcut again and again; none was released"
        fixed = config.resampling == "sinc"
        self.upconv = Upsample(inputs, config.stride) if fixed else Convolution(config, inputs, inputs, "up")
        self.pre_shortcut_convs = convolutions(config, inputs, outputs)
        self.post_shortcut_convs = convolutions(config, 2 * outputs, outputs)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        x = self.upconv(x)
        for layer in self.pre_shortcut_convs:
            x = layer(x)
        edge = (shortcut.shape[-1] - x.shape[-1]) // 2
        x = torch.cat([shortcut[..., edge : edge + x.shape[-1]], x], 1)
        for layer in self.post_shortcut_convs:
            x = layer(x)
        return x


def convolutions(config: WaveUNetConfig, inputs: int, outputs: int) -> nn.ModuleList:
    """``depth`` convolutions, the first of which changes the number of channels."""
    return nn.ModuleList(Convolution(config, outputs if layer else inputs, outputs) for layer in range(config.depth))


class Convolution(nn.Module):
    """Convolution, group norm and ReLU; or convolution and leaky ReLU."""

    def __init__(
        self, config: WaveUNetConfig, inputs: int, outputs: int, change: Literal["none", "down", "up"] = "none"
    ) -> None:
        super().__init__()
        kernel, stride = config.kernel, config.stride
        if change == "up":
            self.filter: nn.Module = nn.ConvTranspose1d(inputs, outputs, kernel, stride, padding=kernel - 1)
        else:
            self.filter = nn.Conv1d(inputs, outputs, kernel, stride if change == "down" else 1)
        if config.norm == "group":
            self.norm = nn.GroupNorm(outputs // _NORM_CHANNELS, outputs)
        self._normed = config.norm == "group"

    def forward(self, x: Tensor) -> Tensor:
        x = self.filter(x)
        return F.relu(self.norm(x)) if self._normed else F.leaky_relu(x)


class _Lowpass(nn.Module):
    """A frozen filter of each channel; it lies among the weights as in that version's files."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        kernel = sinc_kernel(stride).expand(channels, 1, _TAPS).clone()
        self.filter, self.stride = nn.Parameter(kernel, requires_grad=False), stride

    def padded(self, x: Tensor) -> Tensor:
        return F.pad(x, (_TAPS // 2, _TAPS // 2), mode="reflect")


class Downsample(_Lowpass):
    """``[batch, channel, (n - 1) * stride + 1] -> [batch, channel, n]``."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(self.padded(x), self.filter, stride=self.stride, groups=len(self.filter))


class Upsample(_Lowpass):
    """``[batch, channel, n] -> [batch, channel, (n - 1) * stride + 1]``: zeros between samples, then the filter."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv_transpose1d(self.padded(x), self.filter, stride=self.stride, groups=len(self.filter))
        edge = _TAPS // 2 * (1 + self.stride)
        return y[..., edge : y.shape[-1] - edge]


def sinc_kernel(stride: int) -> Tensor:
    """``[tap]``: a sinc that ends at the lower rate's half, under the window of that version, with sum one.

    The window was meant to be Blackman's, 0.42 - 0.5 cos(2 pi i / M) + 0.08 cos(4 pi i / M), but its last cosine
    is that of a multiple of 2 pi; weights that were trained with it want it so.
    """
    half = _TAPS // 2
    taps = []
    for tap in range(_TAPS):
        turn = math.pi * (tap - half) / stride
        window = 0.42 - 0.5 * math.cos(2 * math.pi * tap / (_TAPS - 1)) + 0.08
        taps.append(math.pi / stride if tap == half else math.sin(turn) / (tap - half) * window)
    kernel = torch.tensor(taps, dtype=torch.float32, device="cpu")
    return kernel / kernel.sum()

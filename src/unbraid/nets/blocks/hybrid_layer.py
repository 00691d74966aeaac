"""One layer of Hybrid Demucs: strided convolution down, transposed convolution up, over frequency or over time."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.residual_branch import BranchConfig, ResidualBranch


@dataclass(frozen=True)
class LayerConfig:
    """What the encoder layer and the decoder layer of one level have in common.

    over_freq: whether it works on ``[batch, channel, freq, frame]``, along freq, or on ``[batch, channel, time]``.
    kernel, stride: of the strided convolution.
    padded: pad by a quarter of the kernel, so that the output is exactly ``stride`` times shorter.
    norm_groups: groups of the norms, or None for no norm.
    rewrite: whether there is a gated convolution besides the strided one.
    """

    over_freq: bool
    kernel: int
    stride: int
    padded: bool
    norm_groups: int | None
    rewrite: bool

    @property
    def pad(self) -> int:
        return self.kernel // 4 if self.padded else 0

    def norm(self, channels: int) -> nn.Module:
        return nn.Identity() if self.norm_groups is None else nn.GroupNorm(self.norm_groups, channels)

    def along(self, size: int, other: int) -> tuple[int, ...]:
        """``size`` along the axis of the layer, ``other`` along the frames, if it has any."""
        return (size, other) if self.over_freq else (size,)


class EncoderLayer(nn.Module):
    """Strided convolution, norm, GELU, residual branch, gated convolution.

    context: neighbours on either side that the gated convolution sees.
    branch: the residual branch, or None.
    lone: only the strided convolution (the last time layer, whose output joins the spectrum branch).
    """

    # Modules are made in the order of the original, since quantised states name weights by position alone.
    def __init__(
        self,
        inputs: int,
        outputs: int,
        layer: LayerConfig,
        context: int,
        branch: BranchConfig | None,
        lone: bool = False,
    ) -> None:
        super().__init__()
        self.layer, self.lone = layer, lone
        convolution: type[nn.Conv1d] | type[nn.Conv2d] = nn.Conv2d if layer.over_freq else nn.Conv1d
        kernel, stride, pad = layer.along(layer.kernel, 1), layer.along(layer.stride, 1), layer.along(layer.pad, 0)
        self.conv = convolution(inputs, outputs, kernel, stride, pad)  # type: ignore[arg-type]  # 1 or 2 sizes
        if lone:
            return
        self.norm1 = layer.norm(outputs)
        self.rewrite = convolution(outputs, 2 * outputs, 1 + 2 * context, 1, context) if layer.rewrite else None
        self.norm2 = layer.norm(2 * outputs) if layer.rewrite else nn.Identity()
        self.dconv = None if branch is None else ResidualBranch(outputs, branch)

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        """``joined[batch, channel, time]``, the other branch's answer, is added after the strided convolution."""
        if not self.layer.over_freq:
            x = F.pad(x, (0, -x.shape[-1] % self.layer.stride))
        x = self.conv(x)
        if self.lone:
            return x
        if joined is not None:
            x = x + (joined[:, :, None] if x.dim() == 4 else joined)
        x = F.gelu(self.norm1(x))
        x = through_branch(self.dconv, x)
        return x if self.rewrite is None else F.glu(self.norm2(self.rewrite(x)), 1)


class DecoderLayer(nn.Module):
    """Skip connection, gated convolution, norm, residual branch, transposed convolution, GELU.

    context: as in the encoder; context_freq: whether it reaches over frequencies too.
    last: no GELU at the end, since this is the answer.
    lone: only the transposed convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        layer: LayerConfig,
        context: int,
        branch: BranchConfig | None,
        *,
        last: bool,
        lone: bool = False,
        context_freq: bool = True,
    ) -> None:
        super().__init__()
        self.layer, self.last, self.lone = layer, last, lone
        transposed: type[nn.ConvTranspose1d] | type[nn.ConvTranspose2d]
        convolution: type[nn.Conv1d] | type[nn.Conv2d]
        transposed, convolution = (
            (nn.ConvTranspose2d, nn.Conv2d) if layer.over_freq else (nn.ConvTranspose1d, nn.Conv1d)
        )
        kernel, stride = layer.along(layer.kernel, 1), layer.along(layer.stride, 1)
        self.conv_tr = transposed(inputs, outputs, kernel, stride)  # type: ignore[arg-type]  # 1 or 2 sizes
        self.norm2 = layer.norm(outputs)
        if lone:
            return
        width, pad = 1 + 2 * context, context
        self.rewrite = None
        if layer.rewrite and context_freq:
            self.rewrite = convolution(inputs, 2 * inputs, width, 1, pad)
        elif layer.rewrite:
            self.rewrite = nn.Conv2d(inputs, 2 * inputs, (1, width), 1, (0, pad))
        self.norm1 = layer.norm(2 * inputs) if layer.rewrite else nn.Identity()
        self.dconv = None if branch is None else ResidualBranch(inputs, branch)

    def forward(self, x: Tensor, skip: Tensor | None, length: int) -> tuple[Tensor, Tensor]:
        """The answer, cut to ``length`` steps in a time layer, and what went into the transposed convolution."""
        if skip is not None:
            x = x + skip
            if self.rewrite is not None:
                x = F.glu(self.norm1(self.rewrite(x)), 1)
            x = through_branch(self.dconv, x)
        y = self.norm2(self.conv_tr(x))
        pad = self.layer.pad
        if not self.layer.over_freq:
            y = y[..., pad : pad + length]
        elif pad:
            y = y[..., pad:-pad, :]
        return (y if self.last else F.gelu(y)), x


def through_branch(branch: nn.Module | None, x: Tensor) -> Tensor:
    """Apply a branch over time; in a spectrum every frequency is a sequence of its own."""
    if branch is None:
        return x
    if x.dim() == 3:
        y: Tensor = branch(x)
        return y
    batch, channels, freqs, frames = x.shape
    y = branch(x.transpose(1, 2).reshape(batch * freqs, channels, frames))
    return y.view(batch, freqs, channels, frames).transpose(1, 2)

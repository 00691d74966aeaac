"""The layers of Hybrid Demucs as matrix products, for inference on CPUs: the same numbers up to rounding, in less time.

Between layers the channels lie last in memory (``[batch, freq, frame, channel]``), though tensors keep their logical
order, so that quick layers and others can follow each other. Then

1. a convolution of kernel 2s and stride s is two products: with ``x`` in blocks of s steps, block k of the output is
   ``x[k] W_0 + x[k + 1] W_1``, where the two halves of the kernel are ``W_0, W_1 [s * channel, output]``;
2. its transpose is one product to ``[2, s * output]`` for each step, of which the second half is added to the first of
   the next step; what is cut off at the edges is not copied first;
3. in the residual branch the last norm is folded into the 1x1 convolution before it. For ``y = W h + b`` with
   ``h`` of mean m and covariance C over time, the mean of y over time and channels is that of ``W m + b``, and its
   variance ``mean_c(w_c' C w_c) + var_c(W m + b)``; so norm and layer scale are factors of W and b, and no pass is
   made over y.

On one core of an AVX2 EPYC a pass over half a segment of HTDemucs (3.9 s) takes 3.0 CPU seconds instead of 3.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.hybrid_layer import DecoderLayer, EncoderLayer, LayerConfig
from unbraid.nets.blocks.hybrid_unet import HybridUNet
from unbraid.nets.blocks.residual_branch import LayerScale, ResidualBranch

_Net = TypeVar("_Net", bound=nn.Module)


def quicken(net: _Net) -> _Net:
    """Replace in ``net``, in place, every layer that has a quick form. For inference only; weights are copied."""
    if isinstance(net, HybridUNet):
        for layers in (net.encoder, net.tencoder, net.decoder, net.tdecoder):
            for index, layer in enumerate(layers):
                if isinstance(layer, EncoderLayer) and _fits(layer) and _branch_fits(layer.dconv):
                    layers[index] = QuickEncoder(layer)
                elif isinstance(layer, DecoderLayer) and _fits(layer) and layer.dconv is None:
                    layers[index] = QuickDecoder(layer)
    return net


def _fits(layer: EncoderLayer | DecoderLayer) -> bool:
    config = layer.layer
    regular = config.padded and config.kernel == 2 * config.stride and config.stride % 2 == 0
    if layer.lone or not regular or config.norm_groups is not None or layer.rewrite is None:
        return False
    width = 1 if isinstance(layer, EncoderLayer) else 3
    return all(size == width for size in layer.rewrite.kernel_size)


def _branch_fits(branch: nn.Module | None) -> bool:
    if branch is None:
        return True
    if not isinstance(branch, ResidualBranch):
        return False
    kinds = [nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU, LayerScale]
    return all([type(part) for part in cast(nn.Sequential, step)] == kinds for step in branch.layers)


class QuickEncoder(nn.Module):
    """An :class:`EncoderLayer` without norms of its own; ``[batch, channel, freq, frame]`` or ``[.., time]``."""

    layer: LayerConfig
    kernel: Tensor
    bias: Tensor
    gate: Tensor
    gate_bias: Tensor

    def __init__(self, slow: EncoderLayer) -> None:
        super().__init__()
        assert slow.rewrite is not None and slow.conv.bias is not None and slow.rewrite.bias is not None
        self.layer, self.lone = slow.layer, False
        outputs, inputs = slow.conv.weight.shape[:2]
        halves = slow.conv.weight.detach().reshape(outputs, inputs, 2, slow.layer.stride)
        self.register_buffer("kernel", halves.permute(2, 3, 1, 0).reshape(2, -1, outputs).contiguous())
        self.register_buffer("bias", slow.conv.bias.detach())
        self.register_buffer("gate", slow.rewrite.weight.detach().flatten(1))
        self.register_buffer("gate_bias", slow.rewrite.bias.detach())
        steps: Iterable[nn.Module] = () if slow.dconv is None else slow.dconv.layers
        self.branch = nn.ModuleList(QuickStep(cast(nn.Sequential, step)) for step in steps)

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        assert joined is None
        stride, pad = self.layer.stride, self.layer.pad
        y = _last(x)
        missing = -y.shape[1] % stride if not self.layer.over_freq else 0
        y = F.pad(y, (*(0, 0) * (y.dim() - 2), pad, pad + missing))
        batch, length, *frames, channels = y.shape
        y = y.view(batch, length // stride, stride, *frames, channels)
        if frames:
            y = y.transpose(2, 3)
        y = y.reshape(batch, length // stride, *frames, stride * channels)
        z = y[:, :-1] @ self.kernel[0]
        z += y[:, 1:] @ self.kernel[1]
        z = F.gelu(z.add_(self.bias))
        for step in self.branch:
            z = step(z)
        return F.glu(F.linear(z, self.gate, self.gate_bias), -1).movedim(-1, 1)


class QuickStep(nn.Module):
    """A step of the residual branch on ``[batch, freq, frame, channel]`` or ``[batch, time, channel]``."""

    def __init__(self, slow: nn.Sequential) -> None:
        super().__init__()
        narrow, self.norm, _, wide, norm, _, scale = slow
        narrow, wide, norm = cast(nn.Conv1d, narrow), cast(nn.Conv1d, wide), cast(nn.GroupNorm, norm)
        assert wide.bias is not None
        self.narrow, self.dilation = narrow, int(narrow.dilation[0])
        factor = cast(LayerScale, scale).scale.detach()
        factor = torch.cat([factor, torch.ones_like(factor)])  # the gates are not scaled
        self.eps = norm.eps
        hidden = narrow.weight.shape[0]
        taps = narrow.weight.detach().permute(1, 2, 0).reshape(narrow.weight.shape[1], 3 * hidden)
        for name, value in {
            "taps": taps,
            "wide": wide.weight.detach()[:, :, 0].T,
            "wide_bias": wide.bias.detach(),
            "gain": norm.weight.detach() * factor,
            "shift": norm.bias.detach() * factor,
        }.items():
            self.register_buffer(name, value.contiguous())

    taps: Tensor
    wide: Tensor
    wide_bias: Tensor
    gain: Tensor
    shift: Tensor

    def forward(self, x: Tensor) -> Tensor:
        shape, x = x.shape, x.flatten(0, -3)  # every frequency is a sequence of its own
        hidden = self._normed(self._dilated(x))
        weight, bias = self._folded(hidden)
        return (x + F.glu(torch.baddbmm(bias, hidden, weight), -1)).view(shape)

    def _dilated(self, x: Tensor) -> Tensor:
        """The convolution along time: a product for its three taps together, then their shifted sum."""
        reach, steps = self.dilation, x.shape[1]
        before, here, after = (x @ self.taps).chunk(3, -1)
        assert self.narrow.bias is not None
        y = here + self.narrow.bias
        if steps > reach:
            y[:, reach:] += before[:, :-reach]
            y[:, :-reach] += after[:, reach:]
        return y

    def _normed(self, y: Tensor) -> Tensor:
        norm = cast(nn.GroupNorm, self.norm)
        variance, mean = torch.var_mean(y, (1, 2), correction=0, keepdim=True)
        return F.gelu(((y - mean) * torch.rsqrt(variance + norm.eps)).mul_(norm.weight).add_(norm.bias))

    def _folded(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Weight ``[batch, hidden, channel]`` and bias ``[batch, 1, channel]`` of convolution, norm and scale."""
        middle = hidden.mean(1, keepdim=True)
        centred = hidden - middle
        covariance = centred.transpose(1, 2) @ centred / hidden.shape[1]
        level = middle @ self.wide + self.wide_bias  # mean over time of each channel
        spread = (covariance @ self.wide * self.wide).sum(1, keepdim=True)  # variance over time of each channel
        across, mean = torch.var_mean(level, -1, correction=0, keepdim=True)
        gain = self.gain * torch.rsqrt(spread.mean(-1, keepdim=True) + across + self.eps)
        return self.wide * gain, (self.wide_bias - mean) * gain + self.shift


class QuickDecoder(nn.Module):
    """A :class:`DecoderLayer` without norms and without a residual branch."""

    layer: LayerConfig
    kernel: Tensor
    bias: Tensor

    def __init__(self, slow: DecoderLayer) -> None:
        super().__init__()
        assert slow.rewrite is not None and slow.conv_tr.bias is not None
        self.layer, self.last, self.lone = slow.layer, slow.last, False
        weight = slow.rewrite.weight.detach()
        weight = weight if weight.dim() == 4 else weight[:, :, None]
        self.register_buffer("context", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("context_bias", slow.rewrite.bias.detach() if slow.rewrite.bias is not None else None)
        inputs, outputs = slow.conv_tr.weight.shape[:2]
        taps = slow.conv_tr.weight.detach().reshape(inputs, outputs, slow.layer.kernel)
        self.register_buffer("kernel", taps.permute(0, 2, 1).reshape(inputs, -1).contiguous())
        self.register_buffer("bias", slow.conv_tr.bias.detach())

    context: Tensor
    context_bias: Tensor

    def forward(self, x: Tensor, skip: Tensor, length: int) -> tuple[Tensor, None]:
        y = self._gated(_last(x) + _last(skip))
        answer = self._transposed(y)
        pad = self.layer.pad
        answer = answer[:, pad:-pad] if self.layer.over_freq else answer[:, pad : pad + length]
        answer = answer + self.bias
        return (answer if self.last else F.gelu(answer)).movedim(-1, 1), None

    def _gated(self, x: Tensor) -> Tensor:
        """The convolution with context; one over time is one over a single frequency."""
        image = (x if x.dim() == 4 else x[:, None]).movedim(-1, 1)
        pad = (1, 1) if x.dim() == 4 else (0, 1)
        y = F.conv2d(image, self.context, self.context_bias, 1, pad).movedim(1, -1)
        y = F.glu(y, -1)
        return y if x.dim() == 4 else y[:, 0]

    def _transposed(self, x: Tensor) -> Tensor:
        """``[batch, step, ..., channel] -> [batch, (step + 1) * stride, ..., output]``."""
        batch, steps, *frames, _ = x.shape
        stride = self.layer.stride
        y = (x @ self.kernel).view(batch, steps, *frames, 2, stride, -1)
        if frames:
            y = y.permute(0, 1, 3, 4, 2, 5)  # [batch, step, half, stride, frame, output]
        answer = y.new_empty(batch, steps + 1, *y.shape[3:])
        torch.add(y[:, 1:, 0], y[:, :-1, 1], out=answer[:, 1:-1])
        answer[:, 0], answer[:, -1] = y[:, 0, 0], y[:, -1, 1]
        return answer.flatten(1, 2)


def _last(x: Tensor) -> Tensor:
    """Channels last, copied only where they do not lie so already."""
    return x.movedim(1, -1).contiguous()

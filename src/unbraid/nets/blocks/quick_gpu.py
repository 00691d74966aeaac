"""Layers of the Demucs family rearranged for inference on GPUs: the same numbers up to rounding, in less time.

Of a call of HTDemucs on an H200, 49 ms long, two kinds of layers took 39 (docs/benchmarks.md):

1. a norm of one group gives each example to one of the GPU's 132 processors; a mean and a variance over the whole
   tensor are found by all of them, in a sixth of the time or less. With many examples they are busy anyway, and the
   norm stays as it was;
2. the transpose of a convolution of kernel 2s and stride s, which in 16 bits falls to a slow kernel, is one product to
   ``[2, s]`` numbers for each output and step, the second half of which is added to the first of the next step.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.attention import TimeGroupNorm

_Net = TypeVar("_Net", bound=nn.Module)

_MANY = 64
"""Examples from which on the usual norm is as fast: half as many as a large GPU has processors."""


def quicken(net: _Net) -> _Net:
    """Replace in ``net``, in place, every layer that has a quick form. For inference only."""
    for part in list(net.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, nn.GroupNorm) and layer.num_groups == 1 and layer.affine:
                setattr(part, name, WholeNorm(layer))
            elif isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) and _fits(layer):
                setattr(part, name, OverlapAdd(layer))
    return net


def _fits(layer: nn.ConvTranspose1d | nn.ConvTranspose2d) -> bool:
    others = (*layer.kernel_size[1:], *layer.stride[1:], *layer.dilation, layer.groups)
    plain = all(size == 1 for size in others) and not any((*layer.padding, *layer.output_padding))
    return plain and layer.kernel_size[0] == 2 * layer.stride[0] and layer.bias is not None


class WholeNorm(nn.Module):
    """A group norm of one group: over ``[batch, channel, ...]``, or over ``[batch, token, channel]``."""

    def __init__(self, slow: nn.GroupNorm) -> None:
        super().__init__()
        self.slow, self._axis = slow, -1 if isinstance(slow, TimeGroupNorm) else 1

    def forward(self, x: Tensor) -> Tensor:
        if len(x) >= _MANY:
            same: Tensor = self.slow(x)
            return same
        x = x.float()  # as autocast has it for norms
        variance, mean = torch.var_mean(x, tuple(range(1, x.dim())), correction=0, keepdim=True)
        shape = [1] * x.dim()
        shape[self._axis] = -1
        scale = self.slow.weight.view(shape) * torch.rsqrt(variance + self.slow.eps)
        return torch.addcmul(self.slow.bias.view(shape) - mean * scale, x, scale)


class OverlapAdd(nn.Module):
    """A transposed convolution over the first axis behind the channels, ``[batch, channel, step(, frame)]``."""

    kernel: Tensor

    def __init__(self, slow: nn.ConvTranspose1d | nn.ConvTranspose2d) -> None:
        super().__init__()
        assert slow.bias is not None
        self.outputs, self.stride, self.bias = slow.out_channels, slow.stride[0], slow.bias
        # [output, tap, input]: tap ``half * stride + place`` lands ``half`` steps later.
        self.register_buffer("kernel", slow.weight.detach().flatten(1).T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, steps, *frames = x.shape
        halves = torch.matmul(self.kernel, x.flatten(2)).view(batch, self.outputs, 2, self.stride, steps, -1)
        now, later = halves.unbind(2)
        # [batch, output, place, step, frame]; there is one step more than before.
        y = F.pad(now, (0, 0, 0, 1)) + F.pad(later, (0, 0, 1, 0))
        y = y.transpose(2, 3).reshape(batch, self.outputs, (steps + 1) * self.stride, *frames)
        return y + self.bias.to(y.dtype).view(-1, *[1] * (y.dim() - 2))

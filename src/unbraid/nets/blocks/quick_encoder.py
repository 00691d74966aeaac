"""The encoder layer of Hybrid Demucs in blocks; see :mod:`unbraid.nets.blocks.quick_hybrid`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.channels_last import convolved, gelu, kernel, product
from unbraid.nets.blocks.hybrid_layer import EncoderLayer, LayerConfig
from unbraid.nets.blocks.residual_branch import LayerScale

_BLOCK = 1 << 20
"""Numbers in a block at its widest, four mebibytes: smaller ones cost more calls than the cache saves."""


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices over ``rows`` of ``width`` numbers each, none of more than a block."""
    size = max(1, _BLOCK // width)
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))


def last(x: Tensor) -> Tensor:
    """Channels last, copied only where they do not lie so already."""
    return x.movedim(1, -1).contiguous()


def together(items: list[Tensor]) -> Tensor:
    """Items as a batch; one alone is not copied."""
    return items[0][None] if len(items) == 1 else torch.stack(items)


def gated(x: Tensor, out: Tensor) -> None:
    """The first half of ``x``'s channels times the sigmoid of the second, into ``out``; ``x`` is used up."""
    value, gate = x.chunk(2, -1)
    torch.mul(value, gate.sigmoid_(), out=out)


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
        self.register_buffer("kernel", kernel(slow.conv.weight))
        self.register_buffer("bias", slow.conv.bias.detach())
        self.register_buffer("gate", slow.rewrite.weight.detach().flatten(1).contiguous())
        self.register_buffer("gate_bias", slow.rewrite.bias.detach())
        steps: Iterable[nn.Module] = () if slow.dconv is None else slow.dconv.layers
        self.branch = nn.ModuleList(QuickStep(cast(nn.Sequential, step)) for step in steps)

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        assert joined is None
        return together([self._item(item) for item in last(x)]).movedim(-1, 1)

    def _item(self, x: Tensor) -> Tensor:
        """``[freq, frame, channel]`` or ``[time, channel]``."""
        stride, pad = self.layer.stride, self.layer.pad
        missing = -len(x) % stride if not self.layer.over_freq else 0
        steps = (len(x) + missing) // stride
        answer = x.new_empty(steps, *x.shape[1:-1], self.bias.shape[0])
        x = F.pad(x, (*(0, 0) * (x.dim() - 1), pad, pad + missing))
        for some in blocks(steps, answer[0].numel() * 2):
            self._strided(x[some.start * stride : (some.stop + 1) * stride], answer[some])
            if self.layer.over_freq:  # every frequency is a sequence of its own
                self._onward(answer[some])
        if not self.layer.over_freq:
            self._onward(answer[None])
        return answer

    def _strided(self, x: Tensor, out: Tensor) -> None:
        """The strided convolution and GELU of ``[(step + 1) * stride, (frame,) channel]``."""
        if x.dim() == 3:
            gelu(convolved(x, self.kernel, self.bias, (self.layer.stride, 1)), out)
        else:
            gelu(convolved(x[None], self.kernel, self.bias, (1, self.layer.stride))[0], out)

    def _onward(self, x: Tensor) -> None:
        """Residual branch and gated 1x1 convolution on ``[sequence, time, channel]``, in place."""
        for step in self.branch:
            step(x)
        flat = x.view(-1, x.shape[-1])
        for some in blocks(len(flat), 2 * flat.shape[1]):
            gated(product(flat[some], self.gate, self.gate_bias), flat[some])


class QuickStep(nn.Module):
    """A step of the residual branch, added in place to ``[sequence, time, channel]``."""

    def __init__(self, slow: nn.Sequential) -> None:
        super().__init__()
        narrow, norm_in, _, wide, norm, _, scale = slow
        narrow, wide = cast(nn.Conv1d, narrow), cast(nn.Conv1d, wide)
        norm_in, norm = cast(nn.GroupNorm, norm_in), cast(nn.GroupNorm, norm)
        assert wide.bias is not None and narrow.bias is not None
        self.dilation, self.eps, self.eps_in = int(narrow.dilation[0]), norm.eps, norm_in.eps
        factor = cast(LayerScale, scale).scale.detach()
        factor = torch.cat([factor, torch.ones_like(factor)])  # the gates are not scaled
        hidden = narrow.weight.shape[0]
        taps = narrow.weight.detach().permute(2, 0, 1).reshape(3 * hidden, -1)
        for name, value in {
            "taps": taps,
            "bias": narrow.bias.detach(),
            "gain_in": norm_in.weight.detach(),
            "shift_in": norm_in.bias.detach(),
            "wide": wide.weight.detach()[:, :, 0].T,
            "wide_bias": wide.bias.detach(),
            "gain": norm.weight.detach() * factor,
            "shift": norm.bias.detach() * factor,
        }.items():
            self.register_buffer(name, value.contiguous())

    taps: Tensor
    bias: Tensor
    gain_in: Tensor
    shift_in: Tensor
    wide: Tensor
    wide_bias: Tensor
    gain: Tensor
    shift: Tensor

    def forward(self, x: Tensor) -> None:
        hidden = self._normed(self._dilated(x))
        weight, bias = self._folded(hidden)
        for some in blocks(x.shape[1], len(x) * 2 * x.shape[2]):
            value, gate = torch.baddbmm(bias, hidden[:, some], weight).chunk(2, -1)
            x[:, some].addcmul_(value, gate.sigmoid_())

    def _dilated(self, x: Tensor) -> Tensor:
        """The convolution along time: a product for its three taps together, then their shifted sum."""
        reach, steps = self.dilation, x.shape[1]
        before, here, after = product(x, self.taps).chunk(3, -1)
        y = here + self.bias
        if steps > reach:
            y[:, reach:] += before[:, :-reach]
            y[:, :-reach] += after[:, reach:]
        return y

    def _normed(self, y: Tensor) -> Tensor:
        variance, mean = torch.var_mean(y, (1, 2), correction=0, keepdim=True)
        gain = self.gain_in * torch.rsqrt(variance + self.eps_in)
        return F.gelu(y.sub_(mean).mul_(gain).add_(self.shift_in))

    def _folded(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Weight ``[sequence, hidden, channel]`` and bias ``[sequence, 1, channel]`` of convolution, norm and scale."""
        middle = hidden.mean(1, keepdim=True)
        centred = hidden - middle
        covariance = centred.transpose(1, 2) @ centred / hidden.shape[1]
        level = middle @ self.wide + self.wide_bias  # mean over time of each channel
        spread = (covariance @ self.wide * self.wide).sum(1, keepdim=True)  # variance over time of each channel
        across, mean = torch.var_mean(level, -1, correction=0, keepdim=True)
        gain = self.gain * torch.rsqrt(spread.mean(-1, keepdim=True) + across + self.eps)
        return self.wide * gain, (self.wide_bias - mean) * gain + self.shift

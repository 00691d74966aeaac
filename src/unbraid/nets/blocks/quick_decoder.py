"""The decoder layer of Hybrid Demucs in blocks; see :mod:`unbraid.nets.blocks.quick_hybrid`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.channels_last import convolved, gelu, kernel, product
from unbraid.nets.blocks.hybrid_layer import DecoderLayer, LayerConfig
from unbraid.nets.blocks.quick_encoder import blocks, gated, last, together


class QuickDecoder(nn.Module):
    """A :class:`DecoderLayer` without norms and without a residual branch."""

    layer: LayerConfig
    context: Tensor
    context_bias: Tensor
    kernel: Tensor
    bias: Tensor

    def __init__(self, slow: DecoderLayer) -> None:
        super().__init__()
        assert slow.rewrite is not None and slow.conv_tr.bias is not None and slow.rewrite.bias is not None
        self.layer, self.last, self.lone = slow.layer, slow.last, False
        self.register_buffer("context", kernel(slow.rewrite.weight))
        self.reach = self.context.shape[2] // 2  # neighbouring frequencies that a step hears on either side
        self.register_buffer("context_bias", slow.rewrite.bias.detach())
        inputs, outputs = slow.conv_tr.weight.shape[:2]
        taps = slow.conv_tr.weight.detach().reshape(inputs, outputs, slow.layer.kernel)
        self.register_buffer("kernel", taps.permute(2, 1, 0).reshape(-1, inputs).contiguous())
        self.register_buffer("bias", slow.conv_tr.bias.detach())

    def forward(self, x: Tensor, skip: Tensor, length: int) -> tuple[Tensor, None]:
        pairs = zip(last(x), last(skip), strict=True)
        item = self._spectrum if self.layer.over_freq else self._wave
        return together([item(one, other, length) for one, other in pairs]).movedim(-1, 1), None

    def _spectrum(self, x: Tensor, skip: Tensor, _: int) -> Tensor:
        """``[freq, frame, channel]`` to ``[freq * stride, frame, output]``."""
        freqs, frames, channels = x.shape
        pad, stride, outputs = self.layer.pad, self.layer.stride, len(self.bias)
        answer = x.new_empty((freqs + 1) * stride, frames, outputs)
        carried = x.new_zeros(stride, frames, outputs)
        for some in blocks(freqs, frames * max(3 * channels, 2 * stride * outputs)):
            y = self._context(self._heard(x, skip, some), (0, 1))
            halves = product(y, self.kernel).view(-1, frames, 2, stride, outputs).permute(2, 0, 3, 1, 4)
            self._add(halves, carried, answer[some.start * stride : some.stop * stride])
            carried = halves[1, -1]
        self._finish(carried, answer[freqs * stride :])
        return answer[pad : len(answer) - pad]

    def _wave(self, x: Tensor, skip: Tensor, length: int) -> Tensor:
        """``[time, channel]`` to ``[length, output]``."""
        steps, channels = x.shape
        pad, stride, outputs = self.layer.pad, self.layer.stride, len(self.bias)
        answer = x.new_empty((steps + 1) * stride, outputs)
        carried = x.new_zeros(stride, outputs)
        for some in blocks(steps, max(3 * channels, 2 * stride * outputs)):
            first, stop = max(0, some.start - 1), min(steps, some.stop + 1)
            heard = F.pad(x[first:stop] + skip[first:stop], (0, 0, first - some.start + 1, some.stop + 1 - stop))
            y = self._context(heard[None], (0, 0))[0]
            halves = product(y, self.kernel).view(-1, 2, stride, outputs).transpose(0, 1)
            self._add(halves, carried, answer[some.start * stride : some.stop * stride])
            carried = halves[1, -1]
        self._finish(carried, answer[steps * stride :])
        return answer[pad : pad + length]

    def _heard(self, x: Tensor, skip: Tensor, some: slice) -> Tensor:
        """The sum at the frequencies ``some`` and their neighbours; zeros beyond the edges."""
        first, stop = max(0, some.start - self.reach), min(len(x), some.stop + self.reach)
        edges = (first - some.start + self.reach, some.stop + self.reach - stop)
        return F.pad(x[first:stop] + skip[first:stop], (0, 0, 0, 0, *edges))

    def _context(self, x: Tensor, pad: tuple[int, int]) -> Tensor:
        """The gated convolution: ``[freq, frame, channel]`` with all the neighbours that it hears beyond ``pad``."""
        z = convolved(x, self.context, self.context_bias, pad=pad)
        y = z.new_empty(*z.shape[:-1], z.shape[-1] // 2)
        gated(z, y)
        return y

    def _add(self, halves: Tensor, carried: Tensor, out: Tensor) -> None:
        """Overlap-add: ``halves[2, step, stride, ..., output]``, ``carried`` the second half of the step before."""
        y = halves[0].clone(memory_format=torch.contiguous_format)
        y[1:] += halves[1, :-1]
        y[0] += carried
        self._finish(y.flatten(0, 1), out)

    def _finish(self, y: Tensor, out: Tensor) -> None:
        torch.add(y, self.bias, out=out)
        if not self.last:
            gelu(out, out)

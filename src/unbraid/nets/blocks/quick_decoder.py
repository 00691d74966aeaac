"""The decoder layer of Hybrid Demucs in blocks; see :mod:`unbraid.nets.blocks.quick_hybrid`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
        weight = slow.rewrite.weight.detach()
        weight = weight if weight.dim() == 4 else weight[:, :, None]  # [output, input, freq, frame]
        outputs, _, rows, _ = weight.shape
        self.reach = rows // 2  # neighbouring frequencies that a step hears on either side
        self.register_buffer("context", weight.permute(2, 3, 1, 0).reshape(rows, -1, outputs).contiguous())
        self.register_buffer("context_bias", slow.rewrite.bias.detach())
        inputs, outputs = slow.conv_tr.weight.shape[:2]
        taps = slow.conv_tr.weight.detach().reshape(inputs, outputs, slow.layer.kernel)
        self.register_buffer("kernel", taps.permute(0, 2, 1).reshape(inputs, -1).contiguous())
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
            heard = self._heard(x, skip, some)
            y = self._context(heard, some.stop - some.start)
            halves = (y @ self.kernel).view(-1, frames, 2, stride, outputs).permute(2, 0, 3, 1, 4)
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
            y = self._context(heard[None], 1)[0]
            halves = (y @ self.kernel).view(-1, 2, stride, outputs).transpose(0, 1)
            self._add(halves, carried, answer[some.start * stride : some.stop * stride])
            carried = halves[1, -1]
        self._finish(carried, answer[steps * stride :])
        return answer[pad : pad + length]

    def _heard(self, x: Tensor, skip: Tensor, some: slice) -> Tensor:
        """The sum at the frequencies ``some`` and their neighbours; zeros beyond the edges and the ends of time."""
        first, stop = max(0, some.start - self.reach), min(len(x), some.stop + self.reach)
        edges = (first - some.start + self.reach, some.stop + self.reach - stop)
        return F.pad(x[first:stop] + skip[first:stop], (0, 0, 1, 1, *edges))

    def _context(self, x: Tensor, rows: int) -> Tensor:
        """The gated convolution: ``[rows + 2 * reach, frame + 2, channel]`` to ``[rows, frame, channel]``.

        Three steps of time side by side are one row of a matrix, so each of its frequencies is one product.
        """
        _, padded, channels = x.shape
        frames = padded - 2
        triples = x.as_strided((len(x), frames, 3 * channels), (padded * channels, channels, 1)).contiguous()
        z = x.new_empty(rows * frames, 2 * channels)
        torch.addmm(self.context_bias, triples[:rows].flatten(0, 1), self.context[0], out=z)
        for row in range(1, len(self.context)):
            z.addmm_(triples[row : row + rows].flatten(0, 1), self.context[row])
        y = x.new_empty(rows * frames, channels)
        gated(z, y)
        return y.view(rows, frames, channels)

    def _add(self, halves: Tensor, carried: Tensor, out: Tensor) -> None:
        """Overlap-add: ``halves[2, step, stride, ..., output]``, ``carried`` the second half of the step before."""
        y = halves[0].clone(memory_format=torch.contiguous_format)
        y[1:] += halves[1, :-1]
        y[0] += carried
        self._finish(y.flatten(0, 1), out)

    def _finish(self, y: Tensor, out: Tensor) -> None:
        torch.add(y, self.bias, out=out)
        if not self.last:
            out.copy_(F.gelu(out))

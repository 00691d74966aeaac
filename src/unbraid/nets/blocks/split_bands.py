"""Frequency layers with weights of their own for each band (``multi_freqs`` of Hybrid Demucs).

Bands are cut so that layers with equal weights give exactly what one layer over all frequencies gives: encoder bands
overlap by what a strided kernel needs, decoder bands are overlap-added where their transposed kernels meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.hybrid_layer import DecoderLayer, EncoderLayer, LayerConfig


class SplitEncoder(nn.Module):
    """``len(ratios) + 1`` encoder layers; ratio ``r`` is a border at the fraction ``r`` of the frequencies.

    layer: the layer as it would be over all frequencies; make: builds it for a given (unpadded) configuration.
    """

    def __init__(
        self, layer: LayerConfig, ratios: Sequence[float], make: Callable[[LayerConfig], EncoderLayer]
    ) -> None:
        super().__init__()
        self.layer, self.ratios = layer, tuple(ratios)
        self.layers = nn.ModuleList(make(_unpadded(layer)) for _ in range(len(ratios) + 1))

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        assert joined is None
        pad = self.layer.pad
        padded = F.pad(x, (0, 0, pad, pad))
        bands = encoder_bands(int(x.shape[2]), self.ratios, self.layer)
        return torch.cat(
            [layer(padded[:, :, start:stop]) for layer, (start, stop) in zip(self.layers, bands, strict=True)], 2
        )


class SplitDecoder(nn.Module):
    """The counterpart of :class:`SplitEncoder`."""

    def __init__(
        self, layer: LayerConfig, ratios: Sequence[float], last: bool, make: Callable[[LayerConfig], DecoderLayer]
    ) -> None:
        super().__init__()
        self.layer, self.ratios, self.last = layer, tuple(ratios), last
        made = [make(_unpadded(layer)) for _ in range(len(ratios) + 1)]
        assert all(each.last for each in made)
        self.layers = nn.ModuleList(made)

    def forward(self, x: Tensor, skip: Tensor, length: int) -> tuple[Tensor, None]:
        freqs, step, half = int(x.shape[2]), self.layer.stride, self.layer.stride // 2
        borders = [0, *(round(freqs * ratio) for ratio in self.ratios), freqs]
        whole: list[Tensor] = []
        for layer, (start, stop) in zip(self.layers, pairwise(borders), strict=True):
            part, _ = layer(x[:, :, start:stop], skip[:, :, start:stop], length)
            if whole:
                # A kernel is two strides long: the last stride of a band and the first of the next are one sum,
                # in which the bias must count once.
                bias: Tensor = layer.conv_tr.bias  # type: ignore[union-attr,assignment]  # a module's parts are untyped
                meeting = whole[-1][:, :, -step:] + part[:, :, :step] - bias.view(1, -1, 1, 1)
                whole[-1] = torch.cat([whole[-1][:, :, :-step], meeting], 2)
                part = part[:, :, step:]
            whole.append(part)
        y = torch.cat(whole, 2)[:, :, half:-half]
        return (y if self.last else F.gelu(y)), None


def encoder_bands(freqs: int, ratios: Sequence[float], layer: LayerConfig) -> list[tuple[int, int]]:
    """Rows of the padded spectrum that each band's layer is given.

    A band that makes ``n`` rows of output needs ``(n - 1) * stride + kernel`` rows; the next begins ``n`` strides on.
    """
    start, bands = 0, []
    for ratio in ratios:
        rows = round((round(freqs * ratio) + layer.pad - start - layer.kernel) / layer.stride + 1)
        stop = start + (rows - 1) * layer.stride + layer.kernel
        bands.append((start, stop))
        start += rows * layer.stride
    return [*bands, (start, freqs + 2 * layer.pad)]


def _unpadded(layer: LayerConfig) -> LayerConfig:
    return LayerConfig(layer.over_freq, layer.kernel, layer.stride, False, layer.norm_groups, layer.rewrite)

"""Products and convolutions of arrays whose channels lie last, for inference on CPUs.

A product of many rows with one matrix is a convolution of kernel 1, and it is done as one: torch gives products to MKL
and convolutions to oneDNN, whose are the faster ones on processors of AMD: twice as fast with AVX-512, by a sixth with
AVX2 alone (bench/products.py).
"""

from __future__ import annotations

import platform
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


@cache
def has_onednn() -> bool:
    """Whether torch's own choice, which is MKL for kernels of 1, is to be overruled."""
    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built and platform.machine() in ("x86_64", "AMD64")


@cache
def is_wide() -> bool:
    """Whether the processor has AVX-512."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def kernel(weight: Tensor) -> Tensor:
    """A weight of torch's convolutions, ``[output, input, (row,) column]``, as :func:`convolved` takes it."""
    weight = weight.detach() if weight.dim() == 4 else weight.detach()[:, :, None]
    return weight.contiguous(memory_format=torch.channels_last)


def convolved(
    x: Tensor, kernel: Tensor, bias: Tensor | None, stride: tuple[int, int] = (1, 1), pad: tuple[int, int] = (0, 0)
) -> Tensor:
    """``[row, column, channel]`` to ``[row, column, output]``, both contiguous."""
    given = x[None].permute(0, 3, 1, 2)
    if has_onednn():
        y: Tensor = torch.mkldnn_convolution(given, kernel, bias, pad, stride, (1, 1), 1)
    else:
        y = F.conv2d(given, kernel, bias, stride, pad)
    return y.permute(0, 2, 3, 1)[0].contiguous()  # copied only where the answer does not lie so already


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``[..., input]`` times the transpose of ``weight[output, input]``, plus ``bias[output]``, contiguous."""
    if not has_onednn():
        return F.linear(x, weight, bias)
    size = weight.shape[1]
    rows = x.reshape(1, -1, size)
    # Sizes of one may have any stride; these tell torch that channels lie last.
    kernel = weight.contiguous().as_strided((*weight.shape, 1, 1), (size, 1, size, size))
    return convolved(rows, kernel, bias).view(*x.shape[:-1], -1)


def gelu(x: Tensor, out: Tensor) -> None:
    """GELU of ``x`` into ``out``, which may be ``x``."""
    F.gelu(x, out=out)  # type: ignore[call-arg]  # left out of torch's stubs

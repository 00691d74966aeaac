"""The Transformer of the RoFormers: tokens know where they are by being turned (Su et al. 2021, RoFormer, section 3.2).

Pairs of channels of queries and keys are points in planes. A token at place p turns plane k by the angle
``p * 10000^(-2k / width)``, so the product of a query and a key depends on how far apart they are, and on no length:
a net takes pieces longer than those it was trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_BASE = 10_000.0
_PRODUCTS = 1 << 24
"""Of queries and keys, that a graph holds at once: 64 MB."""


class RootMeanSquareNorm(nn.Module):
    """``x / rms(x)`` over the channels, times a weight for each (Zhang & Sennrich 2019); zeros stay zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self._scale = width**0.5

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = F.normalize(x, dim=-1) * (self.gamma * self._scale)
        return answer


class RotaryAttention(nn.Module):
    """Self-attention among turned tokens ``[batch, token, channel]``; each head's answer passes a gate of its own."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RootMeanSquareNorm(width)
        self.qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.gates = nn.Linear(width, heads)
        self.out = nn.Linear(heads * head_width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        x = self.norm(x)
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        heard = _heard(turned(q), turned(k), v)
        gated = heard.transpose(1, 2) * self.gates(x).sigmoid()[..., None]
        answer: Tensor = self.out(gated.flatten(2))
        return answer


class FeedForward(nn.Module):
    """Norm, a wide layer, GELU, and back."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = RootMeanSquareNorm(width)
        self.into = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.out(F.gelu(self.into(self.norm(x))))
        return answer


class Transformer(nn.Module):
    """``depth`` times attention and feed-forward, each added to what it was given; ``norm_out``: and a norm."""

    def __init__(self, width: int, depth: int, heads: int, head_width: int, hidden: int, *, norm_out: bool) -> None:
        super().__init__()
        self.attention = nn.ModuleList(RotaryAttention(width, heads, head_width) for _ in range(depth))
        self.feed = nn.ModuleList(FeedForward(width, hidden) for _ in range(depth))
        self.norm = RootMeanSquareNorm(width) if norm_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for attention, feed in zip(self.attention, self.feed, strict=True):
            x = x + attention(x)
            x = x + feed(x)
        answer: Tensor = self.norm(x)
        return answer


def _heard(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention ``[batch, head, token, channel]``. Graphs, which hold all products, take some rows at once."""
    if not torch.onnx.is_in_onnx_export():
        return F.scaled_dot_product_attention(q, k, v)
    rows = max(1, _PRODUCTS // (q.shape[1] * q.shape[2] ** 2))
    some = zip(*(torch.split(each, rows) for each in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*each) for each in some])


def angles(width: int) -> Tensor:
    """By how much each plane of ``width`` channels turns from one token to the next, in radians: ``[width / 2]``."""
    return 1.0 / _BASE ** (torch.arange(0, width, 2)[: width // 2].float() / width)


def turned(x: Tensor) -> Tensor:
    """``x[..., token, channel]``, whose neighbouring channels are planes, each token turned by its place."""
    place = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
    angle = place[:, None] * angles(x.shape[-1]).to(x.device)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2)

"""The Transformer layers of HTDemucs, for inference on CPUs; see :mod:`unbraid.nets.blocks.quick_hybrid`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.attention import CrossAttentionLayer, MultiheadAttention, SelfAttentionLayer
from unbraid.nets.blocks.channels_last import gelu, has_onednn, is_wide, product
from unbraid.nets.blocks.residual_branch import LayerScale

_SCORES = 1 << 20
"""Scores of attention at once, which stay in the cache from one product to the next."""

_HIDDEN = 3 << 20
"""Hidden values at once: fewer cost more time, since weights are arranged anew for each product."""


class QuickLayer(nn.Module):
    """A :class:`SelfAttentionLayer` or :class:`CrossAttentionLayer`; ``[batch, token, channel]``."""

    wide: Tensor
    wide_bias: Tensor
    narrow: Tensor
    narrow_bias: Tensor

    def __init__(self, slow: SelfAttentionLayer | CrossAttentionLayer) -> None:
        super().__init__()
        self.norm1, self.norm2 = slow.norm1, slow.norm2
        if isinstance(slow, CrossAttentionLayer):
            self.attention, self.norm_hidden = QuickAttention(slow.cross_attn, slow.gamma_1), slow.norm3
        else:
            self.attention, self.norm_hidden = QuickAttention(slow.self_attn, slow.gamma_1), slow.norm2
        self.norm_out, self.gelu = slow.norm_out, isinstance(slow.activation, nn.GELU)
        self.register_buffer("wide", slow.linear1.weight.detach())
        self.register_buffer("wide_bias", slow.linear1.bias.detach())
        narrow, narrow_bias = _scaled(slow.linear2, slow.gamma_2)
        self.register_buffer("narrow", narrow)
        self.register_buffer("narrow_bias", narrow_bias)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        y = self.norm1(x)
        x = self.attention(y, y if other is None else self.norm2(other)).add_(x)
        rows = x.flatten(0, 1)
        for some in rows.tensor_split(-(-len(rows) * len(self.wide) // _HIDDEN)):
            hidden = product(self.norm_hidden(some), self.wide, self.wide_bias)
            if self.gelu:
                gelu(hidden, hidden)
            else:
                hidden.relu_()
            some += product(hidden, self.narrow, self.narrow_bias)
        return x if self.norm_out is None else _normed(x, self.norm_out)


def _normed(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """A norm of one group over all tokens and channels, in place."""
    variance, mean = torch.var_mean(x, (1, 2), correction=0, keepdim=True)
    return x.sub_(mean).mul_(torch.rsqrt(variance + norm.eps) * norm.weight).add_(norm.bias)


def _scaled(linear: nn.Linear, scale: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias with the layer scale that follows."""
    factor = scale.scale.detach() if isinstance(scale, LayerScale) else torch.ones(linear.out_features)
    return linear.weight.detach() * factor[:, None], linear.bias.detach() * factor


class QuickAttention(nn.Module):
    """A :class:`MultiheadAttention` and the layer scale after it."""

    weight: Tensor
    bias: Tensor
    out: Tensor
    out_bias: Tensor

    def __init__(self, slow: MultiheadAttention, scale: nn.Module) -> None:
        super().__init__()
        self.heads, self.width = slow.heads, slow.out_proj.in_features
        # The scale of the scores is the queries' own, and known beforehand.
        factor = torch.ones(3 * self.width, 1)
        factor[: self.width] = (self.width // self.heads) ** -0.5
        self.register_buffer("weight", slow.in_proj_weight.detach() * factor)
        self.register_buffer("bias", slow.in_proj_bias.detach() * factor[:, 0])
        out, out_bias = _scaled(slow.out_proj, scale)
        self.register_buffer("out", out)
        self.register_buffer("out_bias", out_bias)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Every token of ``query`` gathers from the tokens of ``context``; ``[batch, token, channel]``."""
        width = self.width
        if query is context:
            q, k, v = (self._heads(x) for x in product(query, self.weight, self.bias).chunk(3, -1))
        else:
            q = self._heads(product(query, self.weight[:width], self.bias[:width]))
            k, v = (self._heads(x) for x in product(context, self.weight[width:], self.bias[width:]).chunk(2, -1))
        # torch's own attention multiplies with MKL. With AVX2 it is as fast, since nothing passes through memory.
        attend = attended if has_onednn() and is_wide() else _attended_by_torch
        return product(attend(q, k, v), self.out, self.out_bias)

    def _heads(self, x: Tensor) -> Tensor:
        """``[batch, token, channel] -> [batch, head, token, channel of the head]``."""
        batch, tokens, width = x.shape
        return x.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax of ``query key'`` times ``value``, the scores not scaled.

    All ``[batch, head, token, channel of the head]``; the answer is ``[batch, token, channel]``.
    """
    batch, heads, tokens, size = query.shape
    answer = query.new_empty(batch, tokens, heads, size)
    blocks = -(-tokens * key.shape[2] // _SCORES)
    for item, head in np.ndindex(batch, heads):
        turned, known = value[item, head].T.contiguous(), key[item, head].contiguous()
        given, answered = query[item, head].tensor_split(blocks), answer[item, :, head].tensor_split(blocks)
        for some, out in zip(given, answered, strict=True):
            out.copy_(product(torch.softmax(product(some, known), -1), turned))
    return answer.flatten(2)


def _attended_by_torch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(1, 2).flatten(2)

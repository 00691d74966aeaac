"""Multi-head attention and the Transformer layers of HTDemucs: normalise first, scale, normalise last."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.residual_branch import LayerScale

_SCALE_INIT = 1e-4


@dataclass(frozen=True)
class AttentionConfig:
    """Sizes of a layer: width, heads, width of the feed-forward part, dropout; whether it scales and ends in a norm."""

    width: int
    heads: int
    hidden: int
    dropout: float
    gelu: bool = True
    layer_scale: bool = True
    norm_out: bool = True


class MultiheadAttention(nn.Module):
    """Attention with ``heads`` heads (Vaswani et al. 2017, section 3.2.2), ``[batch, token, channel]``.

    Parameters are called and laid out as in ``torch.nn.MultiheadAttention``, which is not used because its fast path
    for inference cannot be exported.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        assert width % heads == 0
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Every token of ``query`` gathers from the tokens of ``context``."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            self._heads(F.linear(x, weight, bias))
            for x, weight, bias in zip((query, context, context), weights, biases, strict=True)
        )
        heard = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        answer: Tensor = self.out_proj(heard.transpose(1, 2).flatten(2))
        return answer

    def _heads(self, x: Tensor) -> Tensor:
        """``[batch, token, channel] -> [batch, head, token, channel of the head]``."""
        batch, tokens, _ = x.shape
        return x.view(batch, tokens, self.heads, -1).transpose(1, 2)


class TimeGroupNorm(nn.GroupNorm):
    """Group norm of ``[batch, token, channel]``: one mean and deviation over all tokens and channels."""

    def __init__(self, width: int) -> None:
        super().__init__(1, width)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class _Layer(nn.Module):
    """What both kinds of layer end with: ``x + scale * W2 act(W1 norm(x))``, and a norm of the whole.

    Modules are made in the order of the original, whose states could name weights by position.
    """

    norm1: nn.LayerNorm
    norm2: nn.LayerNorm

    def _make_rest(self, config: AttentionConfig, norms: int) -> None:
        self.linear1 = nn.Linear(config.width, config.hidden)
        self.linear2 = nn.Linear(config.hidden, config.width)
        self.activation = nn.GELU() if config.gelu else nn.ReLU()
        self.dropout = nn.Dropout(config.dropout)
        for number in range(1, norms + 1):
            self.add_module(f"norm{number}", nn.LayerNorm(config.width))
        self.norm_out = TimeGroupNorm(config.width) if config.norm_out else None
        self.gamma_1, self.gamma_2 = _scale(config), _scale(config)

    def _feed_forward(self, x: Tensor, norm: nn.Module) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(norm(x))))
        x = x + self.gamma_2(self.dropout(self.linear2(hidden)))
        return x if self.norm_out is None else self.norm_out(x)


class SelfAttentionLayer(_Layer):
    """A Transformer encoder layer: tokens attend to each other."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(config.width, config.heads, config.dropout)
        self._make_rest(config, norms=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.gamma_1(self.dropout(self.self_attn(y, y)))
        return self._feed_forward(x, self.norm2)


class CrossAttentionLayer(_Layer):
    """A Transformer layer whose tokens attend to those of the other branch."""

    norm3: nn.LayerNorm

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.cross_attn = MultiheadAttention(config.width, config.heads, config.dropout)
        self._make_rest(config, norms=3)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        x = x + self.gamma_1(self.dropout(self.cross_attn(self.norm1(x), self.norm2(other))))
        return self._feed_forward(x, self.norm3)


def _scale(config: AttentionConfig) -> nn.Module:
    return LayerScale(config.width, _SCALE_INIT, axis=-1) if config.layer_scale else nn.Identity()

"""Attention that is made local by a penalty on distance (Hybrid Demucs, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SELF = -100.0


class LocalAttention(nn.Module):
    """``[batch, channel, time] -> [batch, channel, time]``, with a residual connection.

    There is no positional embedding. Each head subtracts from the score of a key at distance ``d`` from the query

        d / sqrt(decays) * sum_k  k * sigmoid(w_k) / 2,      k = 1 .. decays

    with ``w_k`` computed from the query, so that every query chooses how far it looks. A step never attends to itself.
    """

    def __init__(self, channels: int, heads: int = 4, decays: int = 4) -> None:
        super().__init__()
        assert channels % heads == 0
        self.heads, self.decays = heads, decays
        self.content = nn.Conv1d(channels, channels, 1)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.query_decay = nn.Conv1d(channels, heads * decays, 1)
        self.proj = nn.Conv1d(channels, channels, 1)
        assert self.query_decay.bias is not None
        with torch.no_grad():
            # Penalties near zero: training begins with the widest view.
            self.query_decay.weight.mul_(0.01)
            self.query_decay.bias.fill_(-2.0)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, length = x.shape
        per_head = (batch, self.heads, -1, length)
        query, key = self.query(x).view(per_head), self.key(x).view(per_head)
        score = key.transpose(-1, -2) @ query / (channels // self.heads) ** 0.5  # [batch, head, key, query]
        step = torch.arange(length, device=x.device, dtype=x.dtype)
        distance = (step[:, None] - step[None]).abs()
        score = score - distance * self._slope(x)[:, :, None]
        weight = score.masked_fill(distance == 0, _SELF).softmax(-2)
        heard = self.content(x).view(per_head) @ weight
        answer: Tensor = self.proj(heard.reshape(batch, channels, length))
        return x + answer

    def _slope(self, x: Tensor) -> Tensor:
        """Penalty for each step of distance, ``[batch, head, query]``."""
        batch, _, length = x.shape
        rank = torch.arange(1, self.decays + 1, device=x.device, dtype=x.dtype)
        chosen = torch.sigmoid(self.query_decay(x).view(batch, self.heads, self.decays, length)) / 2
        slope: Tensor = (rank[:, None] * chosen).sum(2) / self.decays**0.5
        return slope

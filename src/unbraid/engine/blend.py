"""Overlap-add: chunks in, one seamless stream out, in flat memory.

Let chunk k answer ``y_k(t)`` for ``s_k <= t < e_k`` and ``w > 0`` be a weight over the chunk. The output is

    out(t) = sum_k w(t - s_k) y_k(t) / sum_k w(t - s_k),        sums over the chunks that cover t.

It is kept as a mean: with ``m`` the mean and ``W`` the weights of the chunks so far, another chunk makes it

    m' = (W m + w y) / (W + w) = m + (y - m) w / (W + w),

so samples that one chunk alone covers are never touched.

1. *Identity.* If every chunk answers with the input, ``y_k(t) = x(t)``, then ``x(t)`` leaves both sums and
   ``out = x``, whatever the weights, the overlap or the last chunk's length. No window has to add up to one.
2. *One chunk.* Where a single chunk covers t, the weight cancels: ``out(t) = y_k(t)``, to the bit. The ends of a song,
   where the triangle is near zero, are not faded.
3. *No seam.* Where two chunks overlap, the triangle of the earlier falls while that of the later rises from
   ``1 / peak``, so the share of the later grows from nearly 0 to nearly 1 with no jump.
4. *Flat memory.* Starts never decrease, so once a chunk starting at s arrives, no later chunk can change
   ``t < s``: those samples are final and leave. What is held is never longer than one chunk.

Each sentence is a test.
"""

from __future__ import annotations

import numpy as np

from unbraid.signal import Samples


def triangle(length: int) -> Samples:
    """Weights 1, 2, ... up to the middle and down again, with peak 1 (demucs ``transition_power`` 1)."""
    half = length // 2
    rising = np.arange(1, half + 1)
    falling = np.arange(length - half, 0, -1)
    weight = np.concatenate([rising, falling]).astype(np.float32)
    return weight / weight.max() if length else weight


class Blend:
    """Overlap-adds arrays ``[..., time]`` given in the order of their starts; answers with views, to be read only."""

    def __init__(self, segment: int) -> None:
        self._weight = triangle(segment)
        self._start = 0
        self._mean: Samples | None = None
        self._weights: Samples = np.zeros(0, np.float32)

    def push(self, start: int, answer: Samples) -> Samples:
        """Add a chunk's ``answer`` at ``start``; returns what has become final, ``[..., time]``."""
        assert start >= self._start, "chunks must come in order"
        length = answer.shape[-1]
        assert length <= len(self._weight)
        if self._mean is None:
            self._mean = np.zeros((*answer.shape[:-1], 0), np.float32)
        final, weight = self._take(start - self._start), self._weight[:length]
        shared = min(length, len(self._weights))
        total = self._weights[:shared] + weight[:shared]
        # Fresh arrays: neither the chunk's, which is the separator's, nor a longer one of which this is the end.
        self._mean = np.concatenate([self._mean, answer[..., shared:]], -1, dtype=np.float32)
        self._mean[..., :shared] += (answer[..., :shared] - self._mean[..., :shared]) * (weight[:shared] / total)
        self._weights = np.concatenate([total, self._weights[shared:], weight[shared:]])
        return final

    def finish(self) -> Samples | None:
        """The rest, ``[..., time]``; None if no chunk ever came."""
        return None if self._mean is None else self._take(len(self._weights))

    def _take(self, length: int) -> Samples:
        assert self._mean is not None
        assert length <= len(self._weights), "chunks leave a gap"
        final = self._mean[..., :length]
        self._mean, self._weights = self._mean[..., length:], self._weights[length:]
        self._start += length
        return final

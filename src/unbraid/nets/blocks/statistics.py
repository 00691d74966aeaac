"""Mean and deviation, as the nets of the Demucs family normalise with them."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_and_deviation(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and unbiased deviation over ``axes``, which are kept; a single value deviates by zero."""
    mean = x.mean(axes, keepdim=True)
    alone = all(x.shape[axis] == 1 for axis in axes)
    return mean, torch.zeros_like(mean) if alone else x.std(axes, keepdim=True)

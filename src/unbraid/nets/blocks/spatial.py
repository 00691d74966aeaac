"""Masks of two channels taken together: the multichannel Wiener filter of :mod:`unbraid.transform.spatial` in torch.

The model, its estimates and its promises are derived there; what runs without torch and what is trained are held
together by tests/parity/test_spatial.py.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unbraid.nets.bands import BandLayout, pooled_sum, spread

_NEAR, _BLUR, _TINY = 9, 0.03, 1e-30


def filtered(layout: BandLayout, stft: Tensor, masks: Tensor) -> Tensor:
    """The stems' spectra ``[batch, stem, channel, 2, frame, freq]``.

    ``stft[batch, channel, 2, frame, freq]`` is the mix's; ``masks[batch, stem, channel, frame, pooled bin]``.
    """
    powers = _powers(layout, stft)
    shares = _shares(powers, masks.float())
    rows = [[spread(layout, entry)[:, :, None] for entry in row] for row in _filters(shares, _spatial(shares, powers))]
    left, right = stft[:, None].unbind(2)
    return torch.stack([one * left + other * right for one, other in rows], 2)


def _powers(layout: BandLayout, stft: Tensor) -> Tensor:
    """``[batch, 3, frame, pooled bin]``: of the left, of the right, and the real part of their product."""
    left, right = stft.unbind(1)
    return pooled_sum(
        layout, torch.stack([(a * b).sum(1) for a, b in ((left, left), (right, right), (left, right))], 1)
    )


def _shares(powers: Tensor, masks: Tensor) -> Tensor:
    """Of the mix's power, ``[batch, stem, frame, pooled bin]``."""
    of_channels = powers[:, None, :2] + _TINY / 2
    return (masks * of_channels).sum(2) / of_channels.sum(2)


def _spatial(shares: Tensor, powers: Tensor) -> Tensor:
    """R, ``[batch, stem, 3, pooled bin]``: (left left, right right, left right) of symmetric matrices."""
    found = (shares.square()[:, :, None] * powers[:, None]).sum(3)
    # A mean where the definition has a sum, which is divided by its trace anyway.
    near = functional.avg_pool1d(found.flatten(0, 1), _NEAR, 1, _NEAR // 2, count_include_pad=False).view_as(found)
    left, right, both = (near / (near[:, :, :2].sum(2, keepdim=True) + _TINY)).unbind(2)
    return torch.stack([left + _BLUR, right + _BLUR, both], 2)


def _filters(shares: Tensor, spatial: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """W, rows of entries ``[batch, stem, frame, pooled bin]``."""
    left, right, both = (shares * entry[:, :, None] for entry in spatial.unbind(2))
    one, two, across = (entry.sum(1, keepdim=True) for entry in (right, left, -both))
    determinant = one * two - across * across
    one, two, across = one / determinant, two / determinant, across / determinant
    return (
        (left * one + both * across, left * across + both * two),
        (both * one + right * across, both * across + right * two),
    )

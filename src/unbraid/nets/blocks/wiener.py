"""From magnitudes of stems to spectra of stems: the mix's phase, or a multichannel Wiener filter.

Model (Nugraha, Liutkus & Vincent 2016, "Multichannel music separation with deep neural networks"; Uhlich et al. 2017).
At frequency f and frame t, stem j is a Gaussian vector over the channels with covariance ``v_j(f, t) R_j(f)``: a power
that changes in time and a spatial covariance that does not. Given estimates ``y_j`` of the stems,

    v_j = mean over channels of |y_j|²                       R_j = sum_t y_j y_j^H / sum_t v_j

and given the model, the best estimate from the mix x is

    y_j = v_j R_j  (sum_k v_k R_k + sqrt(eps) I)^-1  x.

One iteration does both, in this order.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EPS = 1e-10
_LARGEST = 10.0
_FRAMES = 300


def with_mix_phase(magnitude: Tensor, mix: Tensor) -> Tensor:
    """Give stems the mix's phase; where the mix is zero, phase zero.

    magnitude: ``[batch, stem, channel, freq, frame]``; mix: ``[batch, channel, 2, freq, frame]``.
    Returns ``[batch, stem, channel, 2, freq, frame]``.
    """
    size = torch.linalg.vector_norm(mix, dim=2, keepdim=True)
    silent = size == 0
    direction = mix / size.masked_fill(silent, 1.0)
    one = torch.tensor([1.0, 0.0], dtype=mix.dtype, device=mix.device).view(2, 1, 1)
    direction = torch.where(silent, one, direction)
    return magnitude[:, :, :, None] * direction[:, None]


def wiener(magnitude: Tensor, mix: Tensor, iterations: int, *, residual: bool = False) -> Tensor:
    """Spectra of the stems after ``iterations`` of the Wiener filter, over stretches of 300 frames.

    Shapes as in :func:`with_mix_phase`. residual: model what the stems leave of the mix as one more stem, which is
    not returned.
    """
    estimate = with_mix_phase(magnitude, mix)
    if residual:
        estimate = torch.cat([estimate, mix[:, None] - estimate.sum(1, keepdim=True)], 1)
    if iterations:
        starts = range(0, mix.shape[-1], _FRAMES)
        stretches = ((estimate[..., start : start + _FRAMES], mix[..., start : start + _FRAMES]) for start in starts)
        estimate = torch.cat([_filter(each, heard, iterations) for each, heard in stretches], -1)
    return estimate[:, :-1] if residual else estimate


def _filter(estimate: Tensor, mix: Tensor, iterations: int) -> Tensor:
    """The iterations, on values scaled so that none of the mix is larger than ten."""
    size = torch.linalg.vector_norm(mix, dim=2).amax((1, 2, 3))
    scale = (size / _LARGEST).clamp(min=1.0).view(-1, 1, 1, 1, 1)
    y, x = _complex(estimate / scale[:, None]), _complex(mix / scale)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    for _ in range(iterations):
        power = y.abs().square().mean(2)  # [batch, stem, freq, frame]
        outer = torch.einsum("bscft,bsdft->bsfcd", y, y.conj())
        spatial = outer / (_EPS + power.sum(-1))[..., None, None]
        stem = power[..., None, None] * spatial[:, :, :, None]  # [batch, stem, freq, frame, channel, channel]
        inverse = torch.linalg.inv(stem.sum(1) + _EPS**0.5 * eye)
        y = torch.einsum("bsftcd,bftde,beft->bscft", stem, inverse, x)
    parts: Tensor = torch.view_as_real(y).permute(0, 1, 2, 5, 3, 4)
    scaled: Tensor = parts * scale[:, None]
    return scaled


def _complex(parts: Tensor) -> Tensor:
    """``[..., 2, freq, frame] -> [..., freq, frame]``."""
    return torch.complex(parts[..., 0, :, :], parts[..., 1, :, :])

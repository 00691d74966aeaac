"""Doubling and halving the sampling rate inside a net, by windowed sinc interpolation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ZEROS = 24
_ROLLOFF = 0.945


def sinc_kernels(old: int, new: int) -> tuple[Tensor, int]:
    """Kernels ``[new, 1, tap]`` that resample from ``old`` to ``new`` (coprime), and how far they reach to the left.

    A band-limited signal is known between its samples,

        x(t) = sum_n  x[n] * sinc(n - t)          (Whittaker, Shannon).

    Output ``m`` lies at ``t = m * old / new``. For ``m = j * new + i`` the offset from sample ``j * old`` depends on
    ``i`` alone, so there are ``new`` kernels, each applied with stride ``old``. The cut-off is the lower Nyquist
    frequency times a roll-off below one, since the sinc is cut after 24 zero crossings by a cos² window and its slope
    has a width. Every kernel sums to one, so that a constant stays what it is (Smith, "Digital Audio Resampling").
    """
    cut = min(old, new) * _ROLLOFF
    reach = math.ceil(_ZEROS * old / cut)
    # On the CPU whatever the default device: a net made without memory still has its kernels.
    sample = torch.arange(-reach, reach + old, dtype=torch.float32, device="cpu")
    kernels = []
    for phase in range(new):
        t = ((sample / old - phase / new) * cut).clamp(-_ZEROS, _ZEROS) * math.pi
        kernel = torch.where(t == 0, torch.ones_like(t), t.sin() / t) * (t / _ZEROS / 2).cos() ** 2
        kernels.append(kernel / kernel.sum())
    return torch.stack(kernels)[:, None], reach


class Resample(nn.Module):
    """``[batch, channel, time] -> [batch, channel, floor(time * new / old)]``; edges are held."""

    kernels: Tensor

    def __init__(self, old: int, new: int) -> None:
        super().__init__()
        self.old, self.new = old, new
        kernels, self.reach = sinc_kernels(old, new)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, length = x.shape
        padded = F.pad(x.reshape(batch * channels, 1, length), (self.reach, self.reach + self.old), mode="replicate")
        phases = F.conv1d(padded, self.kernels.to(x.dtype), stride=self.old)  # [batch * channel, phase, time]
        joined = phases.transpose(1, 2).reshape(batch, channels, -1)
        return joined[..., : length * self.new // self.old]

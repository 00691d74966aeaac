"""The short-time Fourier transform of Hybrid Demucs in torch, with complex numbers as pairs of reals.

A spectrum is ``[batch, channel, 2, freq, frame]`` (real, imaginary) with ``n_fft // 2`` frequencies (the Nyquist
bin is dropped), a hop of ``n_fft // 4`` and ``ceil(time / hop)`` frames. Padding is chosen so that a frame covers the
same samples as a step of a time layer with that stride; then both branches of the net line up.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_ROW = 1 << 20
"""Complex numbers that are transformed at once."""


def analyse(signal: Tensor, n_fft: int, *, legacy: bool = False) -> Tensor:
    """``[batch, channel, time] -> [batch, channel, 2, freq, frame]``.

    legacy: pad with zeros instead of reflecting, as some nets of the 2021 challenge were trained.
    """
    if signal.device.type == "mps":  # complex numbers are not complete there
        return analyse(signal.cpu(), n_fft, legacy=legacy).to(signal.device)
    batch, channels, length = signal.shape
    hop = n_fft // 4
    frames, edge = -(-length // hop), hop // 2 * 3
    left, right = edge, edge + frames * hop - length
    padded = F.pad(signal, (left, right)) if legacy else _reflect(signal, left, right)
    spectrum = torch.stft(
        padded.flatten(0, 1).float(),
        n_fft,
        hop,
        window=torch.hann_window(n_fft, device=signal.device),
        normalized=True,
        return_complex=True,
    )
    parts = torch.view_as_real(spectrum[:, :-1, 2 : 2 + frames])
    return parts.permute(0, 3, 1, 2).reshape(batch, channels, 2, n_fft // 2, frames)


def synthesise(spectrum: Tensor, length: int, *, legacy: bool = False) -> Tensor:
    """``[..., 2, freq, frame] -> [..., time]``, the inverse of :func:`analyse`.

    legacy: the answer is late by three half hops; the nets trained so have learned to answer early.
    """
    if spectrum.device.type == "mps":
        return synthesise(spectrum.cpu(), length, legacy=legacy).to(spectrum.device)
    *others, _, freqs, frames = spectrum.shape
    n_fft, hop = 2 * freqs, freqs // 2
    edge = 0 if legacy else hop // 2 * 3
    window = torch.hann_window(n_fft, device=spectrum.device)
    rows = spectrum.reshape(-1, 2, freqs, frames)
    signals = []
    # An inverse transform holds four times what it is given, so a few rows at a time.
    for some in torch.split(rows, max(1, _ROW // (freqs * frames))):
        # What analyse() cut away comes back as zeros: the Nyquist bin and two frames at either edge.
        whole = torch.view_as_complex(F.pad(some.float(), (2, 2, 0, 1)).permute(0, 2, 3, 1).contiguous())
        span = frames * hop + 2 * edge
        signal = torch.istft(whole, n_fft, hop, window=window, normalized=True, length=span)
        signals.append(signal[:, edge : edge + length])
    return torch.cat(signals).reshape(*others, length)


def _reflect(signal: Tensor, left: int, right: int) -> Tensor:
    """Reflect at the edges; a signal too short for that is first grown by zeros, on its right as far as possible."""
    missing = max(0, max(left, right) + 1 - signal.shape[-1])
    if missing:
        grown = min(right, missing)
        signal = F.pad(signal, (missing - grown, grown))
        left, right = left - (missing - grown), right - grown
    return F.pad(signal, (left, right), mode="reflect")

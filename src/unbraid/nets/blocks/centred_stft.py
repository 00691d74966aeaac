"""The plain short-time Fourier transform in torch: Hann window or none, frames centred on multiples of the hop.

The signal is reflected at its edges by half a window. Spectra are complex, ``[row, freq, frame]``, with
``n_fft // 2 + 1`` frequencies and ``time // hop + 1`` frames. Those of a signal on Apple's GPUs, where complex numbers
are not complete, lie on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Window = Literal["hann", "ones"]


def analyse(signal: Tensor, n_fft: int, hop: int, window: Window = "hann") -> Tensor:
    """``[row, time] -> [row, freq, frame]``; ``time`` must exceed ``n_fft // 2``, see :func:`grown`."""
    if signal.device.type == "mps":
        signal = signal.cpu()
    return torch.stft(signal.float(), n_fft, hop, window=_window(window, signal, n_fft), return_complex=True)


def synthesise(spectrum: Tensor, length: int, hop: int, window: Window = "hann") -> Tensor:
    """``[row, freq, frame] -> [row, length]``, the inverse of :func:`analyse`: overlap-add over the squared window."""
    n_fft = 2 * (spectrum.shape[1] - 1)
    return torch.istft(spectrum, n_fft, hop, window=_window(window, spectrum.real, n_fft), length=length)


def through(
    core: Callable[[Tensor], Tensor], mix: Tensor, whole: int, n_fft: int, hop: int, window: Window = "hann"
) -> Tensor:
    """``mix[batch, channel, time]``, with zeros behind it up to ``whole`` samples, to ``[batch, stem, channel, time]``.

    core: ``[batch, channel, 2, freq, frame]`` to ``[batch, stem, channel, 2, freq, frame]``, real and imaginary parts.
    """
    batch, channels, length = mix.shape
    rows = F.pad(mix.flatten(0, 1), (0, whole - length))
    spectrum = torch.view_as_real(analyse(rows, n_fft, hop, window))
    stft = spectrum.reshape(batch, channels, *spectrum.shape[1:]).movedim(-1, 2)
    answer = core(stft.to(mix.device)).to(stft.device)  # which is the CPU for Apple's GPUs
    parts = torch.view_as_complex(answer.flatten(0, 2).movedim(1, -1).contiguous())
    waves = synthesise(parts, whole, hop, window)[..., :length]
    return waves.reshape(*answer.shape[:3], length).to(mix.device)


def grown(signal: Tensor, n_fft: int) -> Tensor:
    """``signal[row, time]`` with zeros behind it until it is long enough to be reflected."""
    return F.pad(signal, (0, max(0, n_fft // 2 + 1 - signal.shape[-1])))


def _window(window: Window, like: Tensor, n_fft: int) -> Tensor:
    return (torch.hann_window if window == "hann" else torch.ones)(n_fft, device=like.device)

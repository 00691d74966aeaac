"""Bands as wide as the ear's: which frequencies of an STFT each triangle of a mel filter bank holds.

Slaney's mel scale (Auditory Toolbox, 1998): linear up to 1 kHz, 15 mels there, and then a factor of 6.4 every 27.
A band holds the frequencies at which its triangle is above zero; their heights are of no account. Triangles rise over
the band before and fall over the band behind, so every frequency is in one band or two.
"""

from __future__ import annotations

import numpy as np

_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1000.0
_BREAK = _BREAK_HZ / _LINEAR_HZ
_STEP = np.log(6.4) / 27


def mel_bands(count: int, n_fft: int, rate: int) -> list[list[int]]:
    """The frequencies of each of ``count`` bands between 0 Hz and half the ``rate``, of an STFT of ``n_fft``.

    The lowest and the highest frequency, at which a triangle is zero, belong to the first and the last band. Raises
    ValueError if a frequency is in no band, or a band is empty.
    """
    hz = np.fft.rfftfreq(n_fft, 1 / rate)
    edges = _hz(np.linspace(0, _mel(rate / 2), count + 2))
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    within = np.minimum(rising, falling) > 0
    within[0, 0] = within[-1, -1] = True
    if not within.any(0).all() or not within.any(1).all():
        raise ValueError(f"{count} mel bands do not cover the {len(hz)} frequencies of an STFT of {n_fft} samples")
    return [[int(freq) for freq in np.flatnonzero(band)] for band in within]


def _mel(hz: float) -> float:
    return float(hz / _LINEAR_HZ if hz < _BREAK_HZ else _BREAK + np.log(hz / _BREAK_HZ) / _STEP)


def _hz(mel: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.where(mel < _BREAK, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_STEP * (mel - _BREAK)))

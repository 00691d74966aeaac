"""Breaths between phrases: air through an open mouth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from unbraid.data.studio.voice_analysis import RATE


def breath(seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """An intake of breath ``[time]`` at 44.1 kHz with an RMS near 1 at its loudest: noise with two mouth resonances."""
    length = max(int(seconds * RATE), 64)
    noise = rng.normal(size=length)
    wide = sosfilt(butter(1, [700, 11_000], "band", fs=RATE, output="sos"), noise)
    low, high = rng.uniform(1100, 1700), rng.uniform(2800, 4200)
    mouth = sosfilt(butter(2, [low * 0.85, low * 1.2], "band", fs=RATE, output="sos"), rng.normal(size=length))
    teeth = sosfilt(butter(2, [high * 0.85, high * 1.15], "band", fs=RATE, output="sos"), rng.normal(size=length))
    wave = wide + rng.uniform(0.5, 2.0) * mouth + rng.uniform(0.3, 1.5) * teeth
    peak_at = rng.uniform(0.5, 0.85)
    time = np.linspace(0, 1, length)
    swell = np.where(time < peak_at, (time / peak_at) ** 1.5, ((1 - time) / (1 - peak_at)) ** 0.7)
    wave *= swell / max(float(np.sqrt(np.mean(wave**2))), 1e-9)
    return np.asarray(wave, dtype=np.float32)

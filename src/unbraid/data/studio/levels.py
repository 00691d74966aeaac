"""How loud a part is while it plays, and gain curves: the arithmetic of the mixing desk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from unbraid.signal import Samples

RATE = 44_100
_FRAME = 2205


def active_rms(samples: Samples, below_db: float = 30.0) -> float:
    """Root mean square over the 50 ms frames that lie within ``below_db`` of the loudest; 0 for silence."""
    frames = samples.shape[1] // _FRAME
    if frames == 0:
        return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
    power = np.square(samples[:, : frames * _FRAME]).reshape(len(samples), frames, _FRAME).mean(axis=(0, 2))
    loud = power > power.max() * 10 ** (-below_db / 10)
    return float(np.sqrt(power[loud].mean())) if loud.any() else 0.0


def limiter_curve(
    peaks: NDArray[np.float32], ceiling: float, block: int = 64, ahead: int = 4, release_s: float = 0.12
) -> NDArray[np.float32]:
    """Gain [time] that keeps ``peaks`` [time] (absolute values) below ``ceiling``.

    Each block needs a gain; the curve runs straight between block edges, and the gain at an edge is at most what the
    blocks on both sides need, so nowhere does it exceed the need. It falls ``ahead`` blocks early and rises slowly.
    """
    length = len(peaks)
    blocks = -(-length // block)
    padded = np.zeros(blocks * block, np.float32)
    padded[:length] = peaks
    need = np.minimum(1.0, ceiling / np.maximum(padded.reshape(blocks, block).max(axis=1), 1e-9))
    edges = np.minimum(np.append(need, 1.0), np.insert(need, 0, 1.0))
    early = minimum_filter1d(edges, 2 * ahead + 1)
    step = 1 - float(np.exp(-block / (release_s * RATE)))
    gains = np.empty(len(early))
    gain = 1.0
    for number, wanted in enumerate(early):
        gain = min(float(wanted), gain + (1.0 - gain) * step)
        gains[number] = gain
    places = np.arange(length, dtype=np.float32) / block
    return np.interp(places, np.arange(len(gains)), gains).astype(np.float32)


def ducking_curve(hits_s: list[float], length: int, depth: float, recover_s: float) -> NDArray[np.float32]:
    """Gain [time] that drops to ``1 - depth`` at each hit and swells back, as a compressor keyed by the kick does."""
    curve = np.ones(length, np.float32)
    for hit in hits_s:
        start = int(hit * RATE)
        stop = min(length, start + int(recover_s * RATE))
        if stop > start >= 0:
            rise = np.linspace(0, 1, stop - start, dtype=np.float32) ** 1.5
            curve[start:stop] = np.minimum(curve[start:stop], 1 - np.float32(depth) * (1 - rise))
    return np.minimum(curve, _eased_falls(curve))


def _eased_falls(curve: NDArray[np.float32], fall: int = 128) -> NDArray[np.float32]:
    """The curve with each drop spread over ``fall`` samples before it, so that it does not click."""
    lowest = minimum_filter1d(curve, fall, origin=-(fall // 2))
    smooth = np.cumsum(np.insert(lowest, 0, 0.0), dtype=np.float64)
    mean = (smooth[fall:] - smooth[:-fall]) / fall
    out = curve.copy()
    out[fall - 1 :] = mean[: len(curve) - fall + 1]
    return out.astype(np.float32)

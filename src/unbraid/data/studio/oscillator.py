"""Band-limited waves, slow filters and envelopes: what the studio's own synthesisers are made of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE = 44_100
_TABLE = 2048
_TOP_HZ = 17_000.0

Mono = NDArray[np.float32]


@lru_cache(maxsize=512)
def wavetable(shape: str, harmonics: int) -> NDArray[np.float32]:
    """One period of ``shape`` with at most ``harmonics`` harmonics, peak near 1, plus two samples to interpolate to.

    Shapes are Fourier series: "saw" (1/k), "square" (odd, 1/k), "triangle" (odd, 1/k^2, signs in turn), "pulse" (a
    quarter's duty cycle), "organ" (drawbars 1, 2, 3, 4, 6, 8), "sine".
    """
    k = np.arange(1, harmonics + 1)
    odd = k % 2 == 1
    amplitudes = {
        "saw": 1 / k,
        "square": odd / k,
        "triangle": odd * np.where(k % 4 == 1, 1.0, -1.0) / k**2,
        "pulse": np.sin(np.pi * k / 4) / k,
        "organ": np.select([k == 1, k == 2, k == 3, k == 4, k == 6, k == 8], [1.0, 0.8, 0.6, 0.4, 0.3, 0.25], 0.0),
        "sine": (k == 1).astype(float),
    }[shape]
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    spectrum[1 : harmonics + 1] = -0.5j * _TABLE * amplitudes
    wave = np.fft.irfft(spectrum, _TABLE)
    wave /= np.abs(wave).max()
    return np.append(wave, wave[:2]).astype(np.float32)


def oscillate(
    shape: str, frequency_hz: float, length: int, phase: float, glide: NDArray[np.float64] | None = None
) -> Mono:
    """``length`` samples of a wave that starts at ``phase`` (in periods).

    ``glide`` [length] multiplies the frequency over time (vibrato, drops); harmonics are chosen for its highest value.
    """
    highest = frequency_hz * (1.0 if glide is None else float(glide.max()))
    harmonics = int(np.clip(_TOP_HZ / highest, 1, _TABLE // 2 - 1))
    harmonics = harmonics if harmonics < 24 else 1 << (harmonics.bit_length() - 1)  # few tables serve all high counts
    table = wavetable(shape, harmonics)
    step = frequency_hz / RATE
    periods = step * np.arange(length) if glide is None else np.cumsum(step * glide)
    place = ((periods + phase) % 1.0 * _TABLE).astype(np.float32)
    index = place.astype(np.int32)
    low = table[index]
    return np.asarray(low + (table[index + 1] - low) * (place - index), dtype=np.float32)


def low_pass(samples: Mono, cutoff_hz: NDArray[np.float64] | float, resonance: float = 0.7, block: int = 192) -> Mono:
    """A two-pole low-pass whose cutoff moves: ``cutoff_hz`` [time] is read once a block (4 ms).

    Coefficients are those of R. Bristow-Johnson's Audio EQ Cookbook; ``resonance`` is its Q.
    """
    if isinstance(cutoff_hz, float):
        b, a = _biquad(cutoff_hz, resonance)
        return np.asarray(lfilter(b, a, samples), dtype=np.float32)
    out = np.empty_like(samples)
    state = np.zeros(2)
    for start in range(0, len(samples), block):
        b, a = _biquad(float(cutoff_hz[start]), resonance)
        out[start : start + block], state = lfilter(b, a, samples[start : start + block], zi=state)
    return out


def _biquad(cutoff_hz: float, resonance: float) -> tuple[list[float], list[float]]:
    turn = 2 * np.pi * min(max(cutoff_hz, 20.0), 0.45 * RATE) / RATE
    cosine, alpha = float(np.cos(turn)), float(np.sin(turn)) / (2 * resonance)
    top = (1 - cosine) / 2 / (1 + alpha)
    return [top, 2 * top, top], [1.0, -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)]


def envelope(
    length: int, attack_s: float, decay_s: float, sustain: float, release_s: float, held: int
) -> NDArray[np.float32]:
    """Level over ``length`` samples of a note held for ``held``: linear attack, exponential decay and release."""
    time = np.arange(length, dtype=np.float32) / RATE
    level = sustain + (1 - sustain) * np.exp(-np.maximum(time - attack_s, 0) / max(decay_s, 1e-4))
    if attack_s > 0:
        level *= np.minimum(time / attack_s, 1)
    if held < length:
        level[held:] *= np.exp(-(time[held:] - time[held]) / max(release_s / 4, 1e-4))
        fade = min(length - held, 128)
        level[length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(level, dtype=np.float32)


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch in equal temperament, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))

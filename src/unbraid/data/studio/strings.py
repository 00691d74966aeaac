"""Plucked strings by their own physics: the extended Karplus-Strong model (Jaffe and Smith 1983).

A burst runs round a delay line of one period; a low-pass in the loop is the string's damping. A comb stands for the
place where it is plucked, another for the pickup. An amplifier (``effects``) makes an electric guitar of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.data.studio.oscillator import RATE, Mono, hertz, low_pass
from unbraid.data.studio.score import Note
from unbraid.signal import Samples

_LONGEST_S = 5.0


@dataclass(frozen=True)
class StringSound:
    """A plucked instrument. ``ring_s`` is how long A2 takes to fall by 60 dB; ``pluck`` and ``pickup`` are places on
    the string (0 to 0.5 of its length; 0: no pickup comb); ``bright`` 0 to 1 the plectrum's hardness; ``body`` the
    level of an acoustic body's resonances."""

    ring_s: float
    damping: float
    pluck: float
    pickup: float
    bright: float
    body: float = 0.0


def draw_string(kind: str, rng: np.random.Generator) -> StringSound:
    """A random sound of a kind: "electric", "acoustic" or "bass"."""
    if kind == "bass":
        return StringSound(
            rng.uniform(3, 8),
            rng.uniform(0.08, 0.35),
            rng.uniform(0.1, 0.3),
            rng.uniform(0.1, 0.3),
            rng.uniform(0.1, 0.8),
        )
    if kind == "acoustic":
        return StringSound(
            rng.uniform(3, 6),
            rng.uniform(0.03, 0.15),
            rng.uniform(0.1, 0.3),
            0.0,
            rng.uniform(0.4, 1),
            rng.uniform(0.3, 1),
        )
    return StringSound(
        rng.uniform(4, 9), rng.uniform(0.02, 0.2), rng.uniform(0.05, 0.25), rng.uniform(0.06, 0.3), rng.uniform(0.3, 1)
    )


def play(sound: StringSound, notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
    """The notes, both channels alike, ``[2, time]``. Plucks of one pitch, force and kind come in two renderings."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    plucks: dict[tuple[int, int, bool, int], Mono] = {}
    longest_s = min(max((note.end_s - note.start_s for note in notes), default=0.0) + 0.1, _LONGEST_S)
    for number, note in enumerate(notes):
        key = (note.pitch, note.velocity // 24, note.muted, number % 2)
        if key not in plucks:
            plucks[key] = _pluck(sound, note.pitch, note.velocity // 24 * 24 + 12, note.muted, longest_s, rng)
        start = int(note.start_s * RATE)
        held = int((note.end_s - note.start_s) * RATE)
        wave = _released(plucks[key], held)[: max(len(samples) - start, 0)]
        samples[start : start + len(wave)] += wave
    if sound.body > 0:
        samples = samples + _body(samples, sound.body, rng)
    return np.stack([samples, samples])


def _pluck(
    sound: StringSound, pitch: int, velocity: int, muted: bool, longest_s: float, rng: np.random.Generator
) -> Mono:
    """One string let ring: y[n] = x[n] + g (h * y)[n - period], h a three-tap low-pass and a fraction of a sample."""
    frequency = hertz(pitch)
    period = RATE / frequency - 1.0  # the low-pass delays by one sample
    whole = int(period)
    part = period - whole
    damping = min(sound.damping * (3.0 if muted else 1.0) + (0.15 if muted else 0.0), 0.5)
    ring_s = 0.25 if muted else sound.ring_s * (110 / frequency) ** 0.5
    gain = 10 ** (-3 / max(ring_s * frequency, 1.0))
    taps = gain * np.convolve([damping / 2, 1 - damping, damping / 2], [1 - part, part])
    length = int(min(ring_s, 0.5 if muted else longest_s) * RATE)
    wave = np.zeros(length + whole + 8)
    burst = _excitation(sound, whole, velocity, muted, rng)
    wave[4 : 4 + len(burst)] = burst
    for start in range(4 + whole, len(wave), whole):
        stop = min(start + whole, len(wave))
        for tap, weight in enumerate(taps):
            begin = start - whole - tap
            wave[start:stop] += weight * wave[begin : begin + stop - start]
    out = wave[4 : 4 + length]
    if sound.pickup > 0:
        shift = max(int(sound.pickup * whole), 1)
        out = out - 0.8 * np.concatenate([np.zeros(shift), out[:-shift]])
    level = 0.5 * (velocity / 127) ** 1.2 / max(float(np.sqrt(np.mean(out[: RATE // 10] ** 2))), 1e-6) * 0.2
    return np.asarray(out * level, dtype=np.float32)


def _excitation(
    sound: StringSound, whole: int, velocity: int, muted: bool, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """One period with random phases, softer for a soft stroke, through the comb of the plucking place.

    The velocity of a string plucked at the share b of its length has harmonics sin(pi b k) / k, which a pickup feels
    (the comb gives the sine); what a body radiates falls less with k.
    """
    spectrum = np.fft.rfft(rng.standard_normal(whole))
    harmonic = np.arange(len(spectrum))
    ripple = np.exp(rng.normal(0, 0.25, len(spectrum)))
    slope = 1.0 if sound.pickup > 0 else 0.4
    spectrum *= ripple / np.maximum(np.abs(spectrum) * np.maximum(harmonic, 1) ** slope, 1e-9)
    burst = np.fft.irfft(spectrum, whole).astype(np.float32)
    cutoff = 900.0 + 9000.0 * sound.bright * (velocity / 127) ** 1.5 * (0.5 if muted else 1.0)
    smooth = low_pass(burst, float(cutoff), 0.7).astype(np.float64)
    shift = max(int(sound.pluck * whole), 1)
    combed = smooth - 0.9 * np.roll(smooth, shift)
    return np.asarray(combed - combed.mean())


def _released(wave: Mono, held: int, fade_s: float = 0.06) -> Mono:
    fade = int(fade_s * RATE)
    if held + fade >= len(wave):
        return wave
    out = wave[: held + fade].copy()
    out[held:] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
    return out


def _body(samples: Mono, level: float, rng: np.random.Generator) -> Mono:
    """A few resonances of a wooden body as a short impulse response."""
    from scipy.signal import oaconvolve

    time = np.arange(int(0.06 * RATE)) / RATE
    modes = rng.uniform(90, 1200, 9)
    response = sum(np.sin(2 * np.pi * hz * time) * np.exp(-time * hz / 9) for hz in modes) * (level / 40)
    return np.asarray(oaconvolve(samples, response)[: len(samples)], dtype=np.float32)

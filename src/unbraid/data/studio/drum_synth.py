"""Electronic drums made from scratch: 808 and 909 kinds of kicks, snares, claps, hats, toms and cymbals.

A kit is a set of strokes rendered once from random settings; hits are copies at the level of their velocity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from unbraid.data.studio.oscillator import RATE, Mono
from unbraid.data.studio.score import Note
from unbraid.signal import Samples


@dataclass(frozen=True)
class ElectronicKit:
    """Strokes by General MIDI percussion pitch, mono, peak 1; an open hat is stopped by a closed one."""

    name: str
    strokes: dict[int, Mono]

    def play(self, notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
        """The hits added up, ``[2, time]``, both channels alike (machines are mono); ``rng`` is not used."""
        samples = np.zeros(round(seconds * RATE), np.float32)
        hats = sorted(note.start_s for note in notes if note.pitch in (42, 44))
        for note in notes:
            stroke = self.strokes.get(note.pitch, self.strokes[42])
            start = int(note.start_s * RATE)
            length = min(len(stroke), len(samples) - start)
            if note.pitch == 46:
                until = next((time for time in hats if time > note.start_s), note.start_s + 9)
                length = min(length, int((until - note.start_s) * RATE))
            if length > 0:
                hit = stroke[:length] * np.float32((note.velocity / 127) ** 1.2)
                fade = min(96, length)
                hit[length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
                samples[start : start + length] += hit
        return np.stack([samples, samples])


def draw_kit(rng: np.random.Generator) -> ElectronicKit:
    """A kit with random settings; every General MIDI pitch that a pattern uses has a stroke."""
    snare, clap, closed = _snare(rng), _clap(rng), _hat(rng, rng.uniform(0.02, 0.07))
    low, high = rng.uniform(70, 100), rng.uniform(130, 200)
    toms = [_tom(rng, float(hz)) for hz in np.linspace(low, high, 3)]
    crash, shaker = _cymbal(rng, rng.uniform(0.6, 1.4)), _hat(rng, 0.05, low_hz=5000)
    strokes = {35: _kick(rng), 36: _kick(rng), 37: _click(rng), 38: snare, 40: snare, 39: clap, 42: closed, 44: closed}
    strokes |= {
        46: _hat(rng, rng.uniform(0.2, 0.5)),
        49: crash,
        57: crash,
        51: _cymbal(rng, 0.4),
        59: _cymbal(rng, 0.4),
    }
    strokes |= {41: toms[0], 43: toms[0], 45: toms[1], 47: toms[1], 48: toms[2], 50: toms[2]}
    strokes |= {54: shaker, 69: shaker, 70: shaker, 82: shaker, 56: _cowbell(rng), 75: _click(rng)}
    strokes |= {pitch: _tom(rng, hz) for pitch, hz in ((62, 330.0), (63, 260.0), (64, 200.0), (60, 400.0), (61, 300.0))}
    return ElectronicKit("own electronic drums", {pitch: _levelled(stroke) for pitch, stroke in strokes.items()})


def _kick(rng: np.random.Generator) -> Mono:
    """A sine that falls from a few hundred Hz to its low tone, a click, and some saturation."""
    length_s = rng.uniform(0.18, 0.9)
    time = np.arange(int(length_s * RATE)) / RATE
    low, top = rng.uniform(38, 62), rng.uniform(120, 500)
    frequency = low + (top - low) * np.exp(-time / rng.uniform(0.008, 0.045))
    body = np.sin(2 * np.pi * np.cumsum(frequency) / RATE) * np.exp(-time / (length_s * rng.uniform(0.2, 0.45)))
    click = rng.standard_normal(len(time)) * np.exp(-time / 0.0015) * rng.uniform(0, 0.5)
    return np.tanh((body + click) * rng.uniform(1, 4)).astype(np.float32)


def _snare(rng: np.random.Generator) -> Mono:
    time = np.arange(int(rng.uniform(0.15, 0.4) * RATE)) / RATE
    tone_hz = rng.uniform(150, 260)
    fall = 1 + 0.5 * np.exp(-time / 0.01)
    tone = sum(np.sin(2 * np.pi * np.cumsum(tone_hz * k * fall) / RATE) for k in (1.0, 1.6))
    tone = tone * np.exp(-time / rng.uniform(0.03, 0.1))
    noise = _filtered(rng.standard_normal(len(time)), rng.uniform(700, 2500), None)
    noise = noise * np.exp(-time / rng.uniform(0.04, 0.14))
    return np.asarray(0.5 * rng.uniform(0.4, 1) * tone + rng.uniform(0.4, 1) * noise, dtype=np.float32)


def _clap(rng: np.random.Generator) -> Mono:
    """Three or four short bursts of noise and a longer one, around 1 kHz."""
    time = np.arange(int(0.35 * RATE)) / RATE
    level = np.zeros(len(time))
    gap = rng.uniform(0.008, 0.014)
    for burst in range(int(rng.integers(2, 4))):
        since = time - burst * gap
        level += np.where(since >= 0, np.exp(-since / 0.003), 0)
    since = time - 3 * gap
    level += np.where(since >= 0, np.exp(-since / rng.uniform(0.03, 0.1)), 0)
    low = rng.uniform(600, 1000)
    return np.asarray(_filtered(rng.standard_normal(len(time)), low, rng.uniform(3, 8) * low) * level, dtype=np.float32)


def _hat(rng: np.random.Generator, decay_s: float, low_hz: float | None = None) -> Mono:
    """Six inharmonic squares and noise above some kHz, as in the TR-808's circuit."""
    time = np.arange(int(min(decay_s * 6, 1.2) * RATE)) / RATE
    base = rng.uniform(0.8, 1.6)
    metal = sum(np.sign(np.sin(2 * np.pi * base * hz * time)) for hz in (205.3, 304.4, 369.6, 522.7, 540.0, 800.0))
    mixed = metal / 6 * rng.uniform(0, 1) + rng.standard_normal(len(time)) * rng.uniform(0.2, 1)
    bright = _filtered(mixed, low_hz or rng.uniform(5000, 9000), None)
    return np.asarray(bright * np.exp(-time / decay_s), dtype=np.float32)


def _cymbal(rng: np.random.Generator, decay_s: float) -> Mono:
    time = np.arange(int(min(decay_s * 4, 3.5) * RATE)) / RATE
    partials = rng.uniform(300, 9000, 24)
    metal = sum(np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) for hz in partials) / 6
    noise = _filtered(rng.standard_normal(len(time)), 3000, None)
    level = np.exp(-time / decay_s) * np.minimum(time / 0.002, 1)
    return np.asarray(_filtered((0.4 * metal + noise) * level, 2000, None), dtype=np.float32)


def _tom(rng: np.random.Generator, low_hz: float) -> Mono:
    time = np.arange(int(0.5 * RATE)) / RATE
    frequency = low_hz * (1 + rng.uniform(0.3, 0.9) * np.exp(-time / 0.03))
    body = np.sin(2 * np.pi * np.cumsum(frequency) / RATE) * np.exp(-time / rng.uniform(0.08, 0.2))
    return np.asarray(body + 0.1 * rng.standard_normal(len(time)) * np.exp(-time / 0.01), dtype=np.float32)


def _cowbell(rng: np.random.Generator) -> Mono:
    time = np.arange(int(0.3 * RATE)) / RATE
    squares = np.sign(np.sin(2 * np.pi * 540 * time)) + np.sign(np.sin(2 * np.pi * 800 * time))
    return np.asarray(_filtered(squares, 500, 4000) * np.exp(-time / rng.uniform(0.04, 0.1)), dtype=np.float32)


def _click(rng: np.random.Generator) -> Mono:
    time = np.arange(int(0.06 * RATE)) / RATE
    tone = np.sin(2 * np.pi * rng.uniform(700, 2500) * time) * np.exp(-time / rng.uniform(0.004, 0.015))
    return np.asarray(tone, dtype=np.float32)


def _filtered(samples: np.ndarray[tuple[int], np.dtype[np.float64]], low_hz: float, high_hz: float | None) -> Mono:
    if high_hz is None:
        sections = butter(2, low_hz, "highpass", fs=RATE, output="sos")
    else:
        sections = butter(2, (low_hz, min(high_hz, 20_000)), "bandpass", fs=RATE, output="sos")
    return np.asarray(sosfilt(sections, samples), dtype=np.float32)


def _levelled(stroke: Mono) -> Mono:
    return np.asarray(stroke / max(float(np.abs(stroke).max()), 1e-6), dtype=np.float32)

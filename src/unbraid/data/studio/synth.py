"""Our own synthesisers: subtractive and frequency-modulated voices for basses, leads, pads, plucks and keys.

A patch is drawn at random for each part, so no two songs share one. A note that recurs with its pitch, length and force
is rendered once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.oscillator import RATE, Mono, envelope, hertz, low_pass, oscillate
from unbraid.data.studio.score import Note
from unbraid.errors import UsageError
from unbraid.signal import Samples

KINDS = (
    "bass",
    "sub",
    "reese",
    "acid",
    "lead",
    "pad",
    "pluck",
    "keys",
    "fm keys",
    "supersaw",
    "brass",
    "organ",
    "bell",
)


@dataclass(frozen=True)
class Patch:
    """A synthesiser voice. Times in seconds, cutoffs in Hz at middle C (they follow the pitch by half).

    ``waves`` are oscillators as (shape, octave, level); ``unison`` copies of each are spread over ``detune_cents`` and
    over the stereo width. The filter starts at ``cutoff_hz`` times ``sweep`` and falls with ``sweep_s``. ``fm`` is a
    modulation index at a frequency ratio ``fm_ratio`` that decays with ``fm_s``; with it the waves are sines.
    """

    kind: str
    waves: tuple[tuple[str, int, float], ...]
    unison: int = 1
    detune_cents: float = 0.0
    width: float = 0.0
    cutoff_hz: float = 8000.0
    resonance: float = 0.7
    sweep: float = 1.0
    sweep_s: float = 0.2
    attack_s: float = 0.003
    decay_s: float = 0.4
    sustain: float = 0.8
    release_s: float = 0.1
    fm: float = 0.0
    fm_ratio: float = 1.0
    fm_s: float = 0.4
    noise: float = 0.0
    vibrato: float = 0.0
    drive: float = 0.0


def draw_patch(kind: str, rng: np.random.Generator) -> Patch:
    """A random patch of one of ``KINDS``."""
    makers = {
        "bass": _bass, "sub": _sub, "reese": _reese, "acid": _acid, "lead": _lead, "pad": _pad, "pluck": _pluck,
        "keys": _keys, "fm keys": _fm_keys, "supersaw": _supersaw, "brass": _brass, "organ": _organ, "bell": _bell,
    }  # fmt: skip
    if kind not in makers:
        raise UsageError(f"there is no patch {kind!r}; kinds are {', '.join(KINDS)}")
    return makers[kind](rng)


def play(patch: Patch, notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
    """The notes as ``[2, time]``; voices add up, so a chord is louder than a note."""
    samples = np.zeros((2, round(seconds * RATE)), np.float32)
    rendered: dict[tuple[int, int, int], Samples] = {}
    for note in notes:
        held = max(int((note.end_s - note.start_s) * 50), 1) * (RATE // 50)
        key = (note.pitch, held, note.velocity // 16)
        if key not in rendered:
            rendered[key] = _voice(patch, note.pitch, held, note.velocity // 16 * 16 + 8, rng)
        wave = rendered[key]
        start = int(note.start_s * RATE)
        stop = min(samples.shape[1], start + wave.shape[1])
        if stop > start:
            samples[:, start:stop] += wave[:, : stop - start]
    if patch.drive > 0:
        samples = np.tanh(samples * np.float32(1 + patch.drive)) / np.float32(1 + 0.5 * patch.drive)
    return samples


def _voice(patch: Patch, pitch: int, held: int, velocity: int, rng: np.random.Generator) -> Samples:
    """One note, stereo, with its release; the level follows the velocity."""
    length = held + int(min(patch.release_s * 1.5, 3.0) * RATE) + 64
    level = envelope(length, patch.attack_s, patch.decay_s, patch.sustain, patch.release_s, held)
    force = velocity / 127
    channels = list(_oscillators(patch, pitch, length, rng))
    follow = (hertz(pitch) / 262.0) ** 0.5
    cutoff = patch.cutoff_hz * follow * (0.6 + 0.6 * force)
    if patch.sweep != 1.0:
        curve = cutoff * (1 + (patch.sweep - 1) * np.exp(-np.arange(length) / RATE / patch.sweep_s))
        channels = [low_pass(channel, curve, patch.resonance) for channel in channels]
    elif cutoff < 15_000:
        channels = [low_pass(channel, float(cutoff), patch.resonance) for channel in channels]
    gain = level * np.float32(0.25 * force**1.3)
    return np.asarray(np.stack([channels[0], channels[-1]]) * gain, dtype=np.float32)


def _oscillators(patch: Patch, pitch: int, length: int, rng: np.random.Generator) -> Samples:
    """All oscillators added up: ``[2, time]``, the unison spread from left to right, or ``[1, time]`` without width."""
    total = np.zeros((2 if patch.width > 0 else 1, length), np.float32)
    wobble = _vibrato(patch, length, rng)
    for shape, octave, level in patch.waves:
        for copy in range(patch.unison):
            place = 0.0 if patch.unison == 1 else 2 * copy / (patch.unison - 1) - 1
            frequency = hertz(pitch + 12 * octave + place * patch.detune_cents / 100)
            if patch.fm > 0:
                wave = _modulated(patch, frequency, length)
            else:
                wave = oscillate(shape, frequency, length, float(rng.random()), wobble)
            for channel, side in zip(total, (-1, 1), strict=False):
                lean = 1 - patch.width * 0.5 * (1 - side * place) if len(total) == 2 else 1.0
                channel += wave * np.float32(level * lean / patch.unison**0.6)
    if patch.noise > 0:
        total += rng.standard_normal(total.shape, dtype=np.float32) * np.float32(patch.noise)
    return total


def _modulated(patch: Patch, frequency: float, length: int) -> Mono:
    """Frequency modulation (Chowning 1973): a sine whose phase is moved by another one that dies away."""
    time = np.arange(length) / RATE
    index = patch.fm * np.exp(-time / patch.fm_s)
    modulator = index * np.sin(2 * np.pi * frequency * patch.fm_ratio * time)
    return np.sin(2 * np.pi * frequency * time + modulator).astype(np.float32)


def _vibrato(patch: Patch, length: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
    if patch.vibrato <= 0:
        return None
    time = np.arange(length) / RATE
    depth = patch.vibrato * np.clip((time - 0.15) / 0.3, 0, 1)
    return np.asarray(2 ** (depth / 12 * np.sin(2 * np.pi * 5.3 * time + rng.uniform(0, 6))))


def _one(rng: np.random.Generator, *shapes: str) -> str:
    return shapes[int(rng.integers(len(shapes)))]


def _bass(rng: np.random.Generator) -> Patch:
    main = _one(rng, "saw", "square", "pulse", "triangle")
    return Patch(
        "bass", ((main, 0, 1.0), ("sine", 0, rng.uniform(0.3, 1.2))),
        unison=int(rng.choice([1, 1, 2])), detune_cents=rng.uniform(4, 14), cutoff_hz=rng.uniform(300, 2500),
        resonance=rng.uniform(0.6, 3), sweep=rng.uniform(1.2, 6), sweep_s=rng.uniform(0.05, 0.4),
        decay_s=rng.uniform(0.2, 1.0), sustain=rng.uniform(0.3, 0.9), release_s=rng.uniform(0.04, 0.2),
        drive=rng.uniform(0, 3) * float(rng.random() < 0.5),
    )  # fmt: skip


def _sub(rng: np.random.Generator) -> Patch:
    return Patch(
        "sub", (("sine", 0, 1.0), ("triangle", 0, rng.uniform(0, 0.5))), cutoff_hz=rng.uniform(600, 3000),
        decay_s=rng.uniform(0.5, 2.0), sustain=rng.uniform(0.4, 0.9), release_s=rng.uniform(0.05, 0.3),
        drive=rng.uniform(0.5, 6),
    )  # fmt: skip


def _reese(rng: np.random.Generator) -> Patch:
    return Patch(
        "reese", (("saw", 0, 1.0), ("sine", 0, 0.6)), unison=3, detune_cents=rng.uniform(12, 35),
        width=rng.uniform(0, 0.5), cutoff_hz=rng.uniform(500, 2500), resonance=rng.uniform(0.7, 2),
        sweep=rng.uniform(0.5, 2), sweep_s=rng.uniform(0.3, 1), sustain=1.0, release_s=0.1, drive=rng.uniform(0.5, 4),
    )  # fmt: skip


def _acid(rng: np.random.Generator) -> Patch:
    return Patch(
        "acid", ((_one(rng, "saw", "square"), 0, 1.0),), cutoff_hz=rng.uniform(200, 900), resonance=rng.uniform(3, 9),
        sweep=rng.uniform(3, 10), sweep_s=rng.uniform(0.08, 0.25), decay_s=0.3, sustain=0.5, release_s=0.05,
        drive=rng.uniform(0.5, 4),
    )  # fmt: skip


def _lead(rng: np.random.Generator) -> Patch:
    second = (_one(rng, "saw", "square", "triangle"), int(rng.choice([-1, 0, 0, 1])), rng.uniform(0, 0.8))
    return Patch(
        "lead", ((_one(rng, "saw", "square", "pulse", "triangle"), 0, 1.0), second),
        unison=int(rng.choice([1, 2, 3, 5])),
        detune_cents=rng.uniform(4, 22), width=rng.uniform(0, 0.9), cutoff_hz=rng.uniform(1500, 9000),
        resonance=rng.uniform(0.6, 3), sweep=rng.uniform(0.7, 3), sweep_s=rng.uniform(0.05, 0.5),
        attack_s=rng.uniform(0.002, 0.05), sustain=rng.uniform(0.6, 1), release_s=rng.uniform(0.05, 0.4),
        vibrato=rng.uniform(0, 0.4), drive=rng.uniform(0, 2) * float(rng.random() < 0.4),
    )  # fmt: skip


def _pad(rng: np.random.Generator) -> Patch:
    return Patch(
        "pad",
        ((_one(rng, "saw", "square", "pulse", "triangle"), 0, 1.0), (_one(rng, "saw", "sine"), 1, rng.uniform(0, 0.5))),
        unison=int(rng.choice([2, 3, 5])), detune_cents=rng.uniform(6, 25), width=rng.uniform(0.4, 1),
        cutoff_hz=rng.uniform(500, 6000), sweep=rng.uniform(0.3, 1.5), sweep_s=rng.uniform(0.5, 3),
        attack_s=rng.uniform(0.05, 0.8), sustain=0.9, release_s=rng.uniform(0.4, 2.0),
        noise=rng.uniform(0, 0.03) * float(rng.random() < 0.4),
    )  # fmt: skip


def _pluck(rng: np.random.Generator) -> Patch:
    return Patch(
        "pluck", ((_one(rng, "saw", "square", "triangle", "pulse"), 0, 1.0),), unison=int(rng.choice([1, 2, 3])),
        detune_cents=rng.uniform(3, 15), width=rng.uniform(0, 0.8), cutoff_hz=rng.uniform(600, 3000),
        resonance=rng.uniform(0.6, 3), sweep=rng.uniform(2, 8), sweep_s=rng.uniform(0.04, 0.25),
        decay_s=rng.uniform(0.08, 0.5), sustain=rng.uniform(0, 0.2), release_s=rng.uniform(0.05, 0.5),
    )  # fmt: skip


def _keys(rng: np.random.Generator) -> Patch:
    return Patch(
        "keys", ((_one(rng, "triangle", "square", "saw"), 0, 1.0), ("sine", 1, rng.uniform(0, 0.4))), unison=2,
        detune_cents=rng.uniform(2, 9), width=rng.uniform(0.1, 0.6), cutoff_hz=rng.uniform(1000, 5000),
        sweep=rng.uniform(1.2, 4), sweep_s=rng.uniform(0.1, 0.5), decay_s=rng.uniform(0.4, 1.5),
        sustain=rng.uniform(0.2, 0.7), release_s=rng.uniform(0.1, 0.4),
    )  # fmt: skip


def _fm_keys(rng: np.random.Generator) -> Patch:
    return Patch(
        "fm keys", (("sine", 0, 1.0),), unison=2, detune_cents=rng.uniform(1, 6), width=rng.uniform(0.1, 0.6),
        cutoff_hz=16_000, fm=rng.uniform(0.8, 4), fm_ratio=float(rng.choice([1, 2, 3, 7, 14])),
        fm_s=rng.uniform(0.1, 0.8), decay_s=rng.uniform(0.5, 2), sustain=rng.uniform(0.1, 0.4),
        release_s=rng.uniform(0.1, 0.5),
    )  # fmt: skip


def _supersaw(rng: np.random.Generator) -> Patch:
    return Patch(
        "supersaw", (("saw", 0, 1.0),), unison=7, detune_cents=rng.uniform(15, 45), width=rng.uniform(0.6, 1),
        cutoff_hz=rng.uniform(2500, 12_000), sweep=rng.uniform(0.8, 1.5), attack_s=rng.uniform(0.002, 0.03),
        sustain=0.9, release_s=rng.uniform(0.08, 0.5),
    )  # fmt: skip


def _brass(rng: np.random.Generator) -> Patch:
    return Patch(
        "brass", (("saw", 0, 1.0),), unison=3, detune_cents=rng.uniform(5, 15), width=rng.uniform(0.2, 0.7),
        cutoff_hz=rng.uniform(1500, 5000), sweep=rng.uniform(0.2, 0.6), sweep_s=rng.uniform(0.05, 0.15),
        attack_s=rng.uniform(0.02, 0.08), sustain=0.85, release_s=rng.uniform(0.05, 0.25),
    )  # fmt: skip


def _organ(rng: np.random.Generator) -> Patch:
    return Patch(
        "organ", (("organ", 0, 1.0), ("sine", -1, rng.uniform(0, 0.8))), cutoff_hz=rng.uniform(2000, 8000),
        sustain=1.0, release_s=0.03, attack_s=0.004, vibrato=rng.uniform(0, 0.15), drive=rng.uniform(0, 2),
    )  # fmt: skip


def _bell(rng: np.random.Generator) -> Patch:
    return Patch(
        "bell", (("sine", 0, 1.0),), cutoff_hz=16_000, fm=rng.uniform(1, 4),
        fm_ratio=float(rng.choice([1.41, 2.76, 3.5])),
        fm_s=rng.uniform(0.2, 1.0), decay_s=rng.uniform(0.4, 1.5), sustain=0.0, release_s=rng.uniform(0.3, 1.5),
    )  # fmt: skip

"""Singers by rule: vowels as resonances, consonants as noises and murmurs, in the same frames as the recorded voices.

Source and filter after Fant (1960, "Acoustic Theory of Speech Production"): a source that falls by some dB an octave,
resonances at the vowel's formants and, above the fourth, one for every 1000 Hz or so of a tube that long. Each rule
voice has another vocal tract, source and accent, so there are as many as there are seeds, all with the full band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.voice_analysis import BANDS, NOISE_BANDS, Syllable, Take, band_centres_hz
from unbraid.data.studio.voice_bank import VoiceBank, bank_of

# First three formants in Hz of an adult of middle size: rounded means of the men and women of Peterson and Barney
# (1952, JASA 24), with front rounded vowels between their neighbours.
VOWELS_HZ = {
    "i": (290, 2500, 3150), "I": (410, 2200, 2800), "e": (450, 2250, 2850), "E": (570, 2050, 2700),
    "A": (760, 1850, 2600), "a": (800, 1300, 2600), "O": (600, 900, 2550), "o": (460, 850, 2550),
    "U": (460, 1100, 2450), "u": (330, 900, 2400), "V": (680, 1250, 2550), "R": (490, 1500, 1850),
    "y": (300, 1950, 2500), "oe": (440, 1650, 2450), "@": (550, 1500, 2550),
}  # fmt: skip
# Centre in Hz, dB an octave below and above it, level in dB against a vowel.
_FRICATIVES = {
    "s": (6800, 14, 11, -16), "S": (3300, 14, 9, -14), "f": (8000, 3, 9, -30), "T": (7000, 4, 9, -32),
    "x": (1700, 10, 9, -22), "C": (4200, 14, 10, -20), "h": (1500, 4, 8, -26),
}  # fmt: skip
_BURSTS = {"p": (900, 6, 8, -20), "t": (4500, 8, 9, -14), "k": (2000, 10, 9, -16)}
_LOCUS_HZ = {"p": 900, "t": 1800, "k": 2200, "m": 1000, "n": 1700, "l": 1300, "r": 1300, "w": 700, "j": 2300}
_SONORANTS_HZ = {
    "m": (260, 1050, 2200), "n": (260, 1500, 2500), "l": (360, 1200, 2700),
    "r": (400, 1150, 1700), "w": (320, 700, 2300), "j": (290, 2300, 3000),
}  # fmt: skip


@dataclass(frozen=True)
class Tract:
    """One rule voice: formant scale, source slope (dB an octave, radiation included), noise and bandwidths."""

    scale: float
    slope_db: float
    knee_hz: float
    noise: float
    width: float
    pitch_hz: float
    sibilance_db: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Tract:
        scale = float(np.exp(rng.uniform(np.log(0.85), np.log(1.28))))
        return cls(
            scale,
            slope_db=rng.uniform(5.5, 10.0),
            knee_hz=rng.uniform(150, 600),
            noise=rng.uniform(0.05, 0.4),
            width=rng.uniform(0.7, 1.6),
            pitch_hz=110 * scale**2.2 * float(np.exp(rng.normal(0.1, 0.15))),
            sibilance_db=rng.uniform(-6, 6),
        )


def rule_voice(number: int, syllables: int = 48) -> VoiceBank:
    """Rule voice ``number``: the same number is the same singer with the same vocabulary."""
    rng = np.random.default_rng([number, 0x5AD])
    tract = Tract.draw(rng)
    takes = [_syllable(tract, rng) for _ in range(syllables)]
    return bank_of(f"synth voice {number}", "MIT", takes)


def _syllable(tract: Tract, rng: np.random.Generator) -> Take:
    """One syllable: maybe consonants, a vowel or diphthong, maybe a consonant."""
    onsets = [*_FRICATIVES, *_BURSTS, *_SONORANTS_HZ, ""]
    onset = str(rng.choice(onsets))
    coda = str(rng.choice(onsets)) if rng.random() < 0.4 else ""
    vowel = VOWELS_HZ[str(rng.choice(list(VOWELS_HZ)))]
    glide = VOWELS_HZ[str(rng.choice(["i", "u", "@"]))] if rng.random() < 0.3 else vowel
    core = _core(tract, _track(vowel, glide, onset, coda, rng))
    before = _consonant(onset, tract, core[0], rng) if onset else _nothing()
    after = _consonant(coda, tract, core[-1], rng, closing=True) if coda else _nothing()
    envelope = np.concatenate([before[0], core, after[0]])
    noise = np.full((len(core), NOISE_BANDS), 0.0) + tract.noise * np.linspace(0.05, 1.6, NOISE_BANDS)
    noise = np.clip(np.concatenate([before[1], noise, after[1]]), 0.01, 1.0)
    sounded = np.concatenate([before[2], np.ones(len(core), dtype=bool), after[2]])
    start, stop = len(before[0]), len(before[0]) + len(core)
    return Take(
        envelope.astype(np.float32),
        noise.astype(np.float32),
        np.where(sounded, tract.pitch_hz, 0.0).astype(np.float32),
        (Syllable(0, start, stop, len(envelope)),),
    )


def _track(
    vowel: tuple[int, int, int], glide: tuple[int, int, int], onset: str, coda: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Formants [frame, 3] of the vowel, moving from the onset's locus and towards the coda's."""
    frames = int(rng.integers(36, 64))
    way = np.clip(np.linspace(-0.8, 1.3, frames), 0, 1)[:, None]
    track = np.asarray(vowel, dtype=float) * (1 - way) + np.asarray(glide, dtype=float) * way
    fade = np.exp(-np.arange(frames) / rng.uniform(3, 7))
    for consonant, weight in ((onset, fade), (coda, fade[::-1])):
        if consonant in _LOCUS_HZ:
            track[:, 1] += weight * 0.7 * (_LOCUS_HZ[consonant] - track[:, 1])
            track[:, 0] += weight * 0.6 * (280 - track[:, 0])
    return track * np.exp(rng.normal(0, 0.04, size=3))


def _core(tract: Tract, formants_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Envelope [frame, BANDS] in dB of a tube with these first formants [frame, 3], its loudest band at 0 dB."""
    hz = band_centres_hz()
    upper = np.arange(3600.0, 24_000.0, 1000.0) * np.exp(0.02 * np.sin(np.arange(21) * 2.4))
    centres = np.concatenate([formants_hz, np.tile(upper, (len(formants_hz), 1))], axis=1) * tract.scale
    widths = tract.width * (45 + 0.03 * centres + (centres / 5500) ** 2 * 90)
    power = np.zeros((len(centres), BANDS))
    for centre, width in zip(centres.T[:, :, None], widths.T[:, :, None], strict=True):
        power += 10 * np.log10(centre**4 / ((hz**2 - centre**2) ** 2 + (hz * width) ** 2))
    source = -tract.slope_db * np.log2(np.maximum(hz, tract.knee_hz) / tract.knee_hz)
    envelope = power + source - 12 * np.maximum(np.log2(60 / hz), 0)
    return np.asarray(np.maximum(envelope - envelope.max(axis=1, keepdims=True), -100))


def _consonant(
    name: str, tract: Tract, beside: NDArray[np.float64], rng: np.random.Generator, closing: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Envelope, noise share and voicing of a consonant next to the vowel frame ``beside``."""
    if name in _SONORANTS_HZ:
        frames = int(rng.integers(8, 18))
        envelope = _core(tract, np.tile(np.asarray(_SONORANTS_HZ[name], dtype=float), (frames, 1)))
        envelope -= rng.uniform(4, 10) + np.where(band_centres_hz() > 1500, rng.uniform(4, 14), 0.0)
        noise = np.tile(tract.noise * np.linspace(0.05, 1.6, NOISE_BANDS), (frames, 1))
        return envelope, noise, np.ones(frames, dtype=bool)
    if name in _FRICATIVES:
        frames = int(rng.integers(10, 26))
        shape = np.tile(_hump(_FRICATIVES[name], tract), (frames, 1))
        if name == "h":
            shape = 0.5 * (shape + beside - 12)
        swell = -14 * (1 - np.sin(np.pi * np.linspace(0.12, 0.8, frames))) ** 2
        return _unvoiced(shape + swell[:, None])
    closure, burst, breath = int(rng.integers(6, 13)), int(rng.integers(2, 4)), int(rng.integers(1, 10))
    shape = _hump(_BURSTS[name], tract)
    parts = [np.full((closure, BANDS), -100.0), np.tile(shape, (burst, 1))]
    if not (closing and rng.random() < 0.4):
        fade = np.linspace(-6, -16, breath)[:, None]
        parts.append(np.tile(0.5 * shape + 0.5 * (beside - 22), (breath, 1)) + fade)
    return _unvoiced(np.concatenate(parts))


def _hump(shape: tuple[float, float, float, float], tract: Tract) -> NDArray[np.float64]:
    """A noise's spectrum in dB: a hump with a slope on both sides."""
    centre, below, above, level = shape
    octaves = np.log2(band_centres_hz() / (centre * tract.scale**0.5))
    return np.asarray(level + tract.sibilance_db - np.where(octaves < 0, -below * octaves, above * octaves))


def _unvoiced(
    envelope: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    frames = len(envelope)
    return envelope, np.ones((frames, NOISE_BANDS)), np.zeros(frames, dtype=bool)


def _nothing() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    return np.zeros((0, BANDS)), np.zeros((0, NOISE_BANDS)), np.zeros(0, dtype=bool)

"""The mixing desk: how loud each part is, what the kick ducks, and one gain curve for the master.

The master's gain is multiplied into every part, so the mix is exactly their sum, however hard it is limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unbraid.data.studio.levels import active_rms, ducking_curve, limiter_curve
from unbraid.metrics.loudness import Loudness
from unbraid.signal import Samples

RATE = 44_100
_CEILING = 0.97

# Level of a part while it plays, in dB relative to the others, and its spread.
_LEVELS_DB = {
    "kick": (-1.0, 2.0), "snare": (-3.0, 2.0), "clap": (-5.0, 2.5), "hihat": (-14.0, 3.0), "toms": (-6.0, 2.5),
    "cymbals": (-12.0, 3.0), "percussion": (-12.0, 3.5), "drum loop": (-3.0, 2.0), "lead vocal": (0.0, 2.5),
    "rap": (0.5, 2.0), "backing vocal": (-8.0, 3.0), "distorted guitar": (-4.0, 2.5), "sound effect": (-12.0, 3.0),
}  # fmt: skip
_BASS_DB, _OTHER_DB = (-2.5, 2.2), (-7.0, 3.0)


@dataclass(frozen=True)
class Part:
    """One part of a song: ``samples`` [2, time], what it is and where it comes from."""

    stem: str
    label: str
    samples: Samples
    source: str
    licence: str


def balanced(parts: Sequence[Part], rng: np.random.Generator) -> list[Part]:
    """Each part at its usual level, give or take; parts of one drum kit share one more draw, as do the voices."""
    shift = {stem: rng.normal(0, 1.8) for stem in ("vocals", "drums", "bass", "other")}
    others = max(sum(part.stem == "other" for part in parts), 1)
    set_parts = []
    for part in parts:
        usual = _BASS_DB if part.stem == "bass" else _LEVELS_DB.get(part.label, _OTHER_DB)
        level_db = (
            -20 + usual[0] + shift[part.stem] + float(np.clip(rng.normal(0, usual[1]), -2 * usual[1], 2 * usual[1]))
        )
        if part.stem == "other":
            level_db -= 10 * np.log10(others) * 0.5  # a crowd is not louder in proportion
        now = active_rms(part.samples)
        gain = np.float32(10 ** (level_db / 20) / now) if now > 0 else np.float32(0)
        set_parts.append(replace(part, samples=np.asarray(part.samples * gain, dtype=np.float32)))
    return set_parts


def ducked(parts: Sequence[Part], hits_s: list[float], beat_s: float, rng: np.random.Generator) -> list[Part]:
    """Bass and other parts make way for the kick, as dance music has it."""
    if not parts or not hits_s:
        return list(parts)
    depth, recover_s = rng.uniform(0.3, 0.85), beat_s * rng.uniform(0.4, 0.9)
    curve = ducking_curve(hits_s, parts[0].samples.shape[1], depth, recover_s)
    return [
        replace(part, samples=part.samples * curve) if part.stem in ("bass", "other") and rng.random() < 0.9 else part
        for part in parts
    ]


def mastered(parts: Sequence[Part], loudness_lufs: float) -> list[Part]:
    """The parts under one gain curve that brings their sum to about ``loudness_lufs`` with peaks below full scale.

    A limiter takes away loudness when it works hard, so the gain is corrected once.
    """
    mix = np.sum([part.samples for part in parts], axis=0, dtype=np.float32)
    peaks = np.abs(mix).max(axis=0)
    measured = _lufs(mix)
    if not np.isfinite(measured):
        return list(parts)
    gain = 10 ** ((loudness_lufs - measured) / 20)
    for _ in range(2):
        curve = limiter_curve(peaks * np.float32(gain), _CEILING) * np.float32(gain)
        lost_db = loudness_lufs - _lufs(mix * curve)
        if lost_db < 0.5:
            break
        gain *= 10 ** (min(lost_db, 6.0) / 20)
    louder = [replace(part, samples=np.asarray(part.samples * curve, dtype=np.float32)) for part in parts]
    highest = max(float(np.abs(part.samples).max()) for part in louder)
    if highest <= 0.999:
        return louder
    # Parts that cancel in the mix may each be higher than it: then all are lowered by one factor.
    return [replace(part, samples=part.samples * np.float32(0.999 / highest)) for part in louder]


def _lufs(mix: Samples) -> float:
    loudness = Loudness(RATE, 2)
    loudness.push(mix)
    return loudness.integrated()

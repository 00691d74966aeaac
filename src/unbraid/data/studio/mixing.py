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

# Level of a part while it plays, in dB beside the others of its stem, and its spread.
_LEVELS_DB = {
    "kick": (0.0, 2.0), "snare": (-3.0, 2.0), "clap": (-5.0, 2.5), "hihat": (-14.0, 3.0), "toms": (-6.0, 2.5),
    "cymbals": (-12.0, 3.0), "percussion": (-12.0, 3.5), "drum loop": (-3.0, 2.0), "lead vocal": (0.0, 0.0),
    "rap": (0.0, 0.0), "backing vocal": (-8.0, 3.0), "distorted guitar": (2.0, 2.5), "sound effect": (-6.0, 3.0),
}  # fmt: skip
_OTHERS_DB = (0.0, 3.0)

# Loudness of a stem in LUFS and its spread, before the master: in a finished song the four are about equally loud.
_STEMS_LUFS = {"vocals": (-19.0, 2.2), "drums": (-19.3, 2.4), "bass": (-19.0, 2.2), "other": (-19.5, 2.6)}
_LIGHT_DRUMS_DB = 8.0  # cymbals and shakers alone are never as loud as a drum kit


@dataclass(frozen=True)
class Part:
    """One part of a song: ``samples`` [2, time], what it is and where it comes from."""

    stem: str
    label: str
    samples: Samples
    source: str
    licence: str


def balanced(parts: Sequence[Part], rng: np.random.Generator) -> list[Part]:
    """Parts at their usual levels within their stem, and stems at theirs, give or take."""
    leveled = [replace(part, samples=_at_level(part, rng)) for part in parts]
    mixed: list[Part] = []
    for stem, (middle, spread) in _STEMS_LUFS.items():
        of_stem = [part for part in leveled if part.stem == stem]
        if stem == "drums" and not {"kick", "snare", "clap", "drum loop"} & {part.label for part in of_stem}:
            middle -= _LIGHT_DRUMS_DB
        wanted = middle + float(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
        measured = _lufs(_sum(of_stem)) if of_stem else -np.inf
        gain = np.float32(10 ** ((wanted - measured) / 20)) if np.isfinite(measured) else np.float32(1)
        mixed += [replace(part, samples=part.samples * gain) for part in of_stem]
    return mixed


def _at_level(part: Part, rng: np.random.Generator) -> Samples:
    usual, spread = _LEVELS_DB.get(part.label, _OTHERS_DB)
    level_db = -20 + usual + float(np.clip(rng.normal(0, max(spread, 1e-9)), -2 * spread, 2 * spread))
    now = active_rms(part.samples)
    gain = np.float32(10 ** (level_db / 20) / now) if now > 0 else np.float32(0)
    return np.asarray(part.samples * gain, dtype=np.float32)


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
    """The parts under one gain curve that brings their sum to about ``loudness_lufs``; no part and no sum clips.

    A limiter takes away loudness when it works hard, so the gain is corrected once. It hears single parts too,
    since parts that cancel in the mix may each be higher than it.
    """
    mix = _sum(parts)
    measured = _lufs(mix)
    if not np.isfinite(measured):
        return list(parts)
    peaks = np.zeros(mix.shape[1], np.float32)
    for channel in (*mix, *(channel for part in parts for channel in part.samples)):
        np.maximum(peaks, np.abs(channel), out=peaks)
    gain = 10 ** ((loudness_lufs - measured) / 20)
    for _ in range(2):
        curve = limiter_curve(peaks * np.float32(gain), _CEILING) * np.float32(gain)
        lost_db = loudness_lufs - _lufs(mix * curve)
        if lost_db < 0.5:
            break
        gain *= 10 ** (min(lost_db, 6.0) / 20)
    return [replace(part, samples=np.asarray(part.samples * curve, dtype=np.float32)) for part in parts]


def _sum(parts: Sequence[Part]) -> Samples:
    total = np.zeros_like(parts[0].samples)
    for part in parts:
        total += part.samples
    return total


def _lufs(mix: Samples) -> float:
    loudness = Loudness(RATE, 2)
    loudness.push(mix)
    return loudness.integrated()

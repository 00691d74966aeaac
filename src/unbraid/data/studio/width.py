"""Stereo width as producers add it: a side signal that the middle does not hear.

The side is the middle through a short burst of sparse random pulses ("velvet noise", Karjalainen and Järveläinen 2007),
so the channels differ in phase at all frequencies above the bass, while their sum is what it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from unbraid.signal import Samples

RATE = 44_100
_LENGTH_S = 0.022
_PULSES_PER_S = 1500
_LOW_HZ = 300.0

# Label -> (chance, most): how often a part is widened, and the highest level of the side beside the middle.
_WIDTHS = {
    "hihat": (0.4, 0.4), "cymbals": (0.6, 0.7), "toms": (0.4, 0.4), "percussion": (0.4, 0.6), "snare": (0.25, 0.25),
    "clap": (0.4, 0.5), "drum loop": (0.5, 0.4), "lead vocal": (0.2, 0.25), "rap": (0.2, 0.25),
    "backing vocal": (0.5, 0.8),
    "synth pad": (0.6, 0.9), "strings": (0.5, 0.8), "synthesizer": (0.5, 0.9), "organ": (0.5, 0.7), "kick": (0.0, 0.0),
    "electric bass": (0.07, 0.2), "synth bass": (0.15, 0.4), "acoustic bass": (0.05, 0.2),
}  # fmt: skip
_OTHERS = (0.35, 0.6)


def widened(samples: Samples, label: str, rng: np.random.Generator) -> Samples:
    """``samples`` ``[2, time]``, made wider at random as is usual for parts of this label."""
    chance, most = _WIDTHS.get(label, _OTHERS)
    wide, amount, pulses = rng.random() < chance, float(rng.uniform(0.15, 1.0)) * most, velvet_noise(rng)
    return with_side(samples, amount, pulses) if wide else samples


def with_side(samples: Samples, amount: float, pulses: NDArray[np.float32]) -> Samples:
    """``samples`` plus a side at ``amount`` times the level of its middle; left plus right does not change."""
    high = sosfilt(butter(2, _LOW_HZ, "highpass", fs=RATE, output="sos"), samples.mean(axis=0))
    side = np.asarray(oaconvolve(high, pulses)[: samples.shape[1]] * amount, dtype=np.float32)
    return np.stack([samples[0] + side, samples[1] - side])


def velvet_noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """Pulses of random sign, one at a random place in each slot of 0.7 ms, decaying; their energy is 1."""
    slot = RATE // _PULSES_PER_S
    count = int(_LENGTH_S * _PULSES_PER_S)
    places = np.arange(count) * slot + rng.integers(1, slot, count)
    pulses = np.zeros(count * slot, np.float32)
    pulses[places] = rng.choice([-1.0, 1.0], count) * np.exp(-3 * np.arange(count) / count)
    return np.asarray(pulses / np.sqrt(np.sum(pulses**2)), dtype=np.float32)

"""Mixtures of captioned sounds at matched energies (Liu et al. 2023, "Separate Anything You Describe", section 4).

For each example a sound is drawn, and others whose captions differ. The others are brought to its energy, each with a
gain of its own, summed, and the sum once more; where the mixture would exceed full scale, it and the target are turned
down alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.data.tracks import read_part
from unbraid.data.tracks.captions import Clip
from unbraid.errors import UsageError
from unbraid.signal import Samples


@dataclass(frozen=True)
class ClipMixing:
    """most: sounds in a mixture, two or more. gain_db: of the others, whole numbers within plus and minus.
    ratio: least and largest factor that energies are matched with. ceiling: peak of mixtures that were turned down."""

    most: int = 2
    gain_db: int = 10
    ratio: tuple[float, float] = (0.02, 50.0)
    ceiling: float = 0.9


@dataclass(frozen=True)
class ClipBatch:
    """mixture, target: ``[batch, 1, time]``; captions: of the targets."""

    mixture: Samples
    target: Samples
    captions: tuple[str, ...]


class ClipSampler:
    """Draws mixtures of ``length`` samples from ``clips``, which need two captions at least."""

    def __init__(self, clips: Sequence[Clip], length: int, mixing: ClipMixing | None = None) -> None:
        self._clips, self._length, self._mixing = list(clips), length, mixing or ClipMixing()
        if len({clip.caption for clip in clips}) < 2:
            raise UsageError(f"{len(clips)} sounds have fewer than two captions; there is nothing to tell apart")
        if self._mixing.most < 2:
            raise UsageError(f"most is {self._mixing.most}; a mixture has two sounds or more")

    def batch(self, seed: Sequence[int], size: int) -> ClipBatch:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        drawn = [self._example(np.random.default_rng([*seed, item])) for item in range(size)]
        mixtures, targets, captions = zip(*drawn, strict=True)
        return ClipBatch(np.stack(mixtures)[:, None], np.stack(targets)[:, None], captions)

    def _example(self, rng: np.random.Generator) -> tuple[Samples, Samples, str]:
        chosen = self._clips[int(rng.integers(len(self._clips)))]
        target = self._piece(chosen, rng)
        others = [clip for clip in self._clips if clip.caption != chosen.caption]
        noise = np.zeros_like(target)
        for _ in range(int(rng.integers(2, self._mixing.most + 1)) - 1):
            noise += self._matched(self._piece(others[int(rng.integers(len(others)))], rng), target, rng)
        mixture = target + self._matched(noise, target, rng)
        peak = float(np.abs(mixture).max())
        gain = np.float32(self._mixing.ceiling / peak if peak > 1 else 1)
        return mixture * gain, target * gain, chosen.caption

    def _piece(self, clip: Clip, rng: np.random.Generator) -> Samples:
        """``[time]`` in mono from a random place, continued with silence if the sound is shorter."""
        start = int(rng.integers(max(1, clip.samples - self._length + 1)))
        return np.asarray(read_part(clip.part, start, self._length).mean(0), np.float32)

    def _matched(self, noise: Samples, target: Samples, rng: np.random.Generator) -> Samples:
        """``noise`` at the energy of ``target``, louder or softer by a drawn gain."""
        rms = [float(np.sqrt(np.mean(np.square(each), dtype=np.float64))) for each in (target, noise)]
        ratio = float(np.clip(rms[0] / max(rms[1], 1e-10), *self._mixing.ratio))
        gain_db = int(rng.integers(-self._mixing.gain_db, self._mixing.gain_db + 1))
        return noise * np.float32(ratio * 10 ** (gain_db / 20))

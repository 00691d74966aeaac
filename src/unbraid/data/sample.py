"""Training examples from songs: a stretch of one song, or stems of several songs that never met.

Every example is drawn from its own generator, seeded by (seed, process, step, item). So a run that is resumed at a step
draws what it would have drawn, whoever reads first, and nothing of the sampler needs saving but the list of songs.

An example has as many targets as there are stems. Where a song knows only a sum of stems, one target
is that sum, its row of ``members`` says of which, and the targets left over have weight zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from unbraid.data.augment import RATE, Change, change_wave, limiter_gain, source_length
from unbraid.data.batch import Batch, remixed
from unbraid.data.choosing import SILENT, TRIES, Chooser, Mixing
from unbraid.data.codec import draw_codec, through_codec
from unbraid.data.tracks import Song, read_part
from unbraid.errors import AudioError
from unbraid.signal import Samples

__all__ = ["Batch", "Mixing", "Sampler", "readable"]

_Drawn = TypeVar("_Drawn")


class Sampler(Chooser):
    """Draws batches; its arguments are those of :class:`unbraid.data.choosing.Chooser`."""

    def batch(self, seed: Sequence[int], size: int) -> Batch:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        examples = [readable(self._example, [*seed, item]) for item in range(size)]
        wave, curves, members, weight = (np.stack(column) for column in zip(*examples, strict=True))
        batch = Batch(wave, curves, members, weight)
        # No item has the number ``size``, so this generator is nobody else's.
        return remixed(batch, np.random.default_rng([*seed, size]), self._mixing.group) if self._mixing.group else batch

    def _example(self, rng: Generator) -> tuple[Samples, ...]:
        wave = np.zeros((len(self._stems), 2, self._length), np.float32)
        targets, changes = [], []
        for number, slot in enumerate(self._slots(rng)):
            for song, start in slot.places:
                wave[number] = self._render(rng, song, slot.target, start, slot.change)
                if np.sqrt(np.mean(np.square(wave[number]))) > SILENT:
                    break
            if rng.random() < self._mixing.drop_target:
                wave[number] = 0
            targets.append(slot.target)
            changes.append(slot.change)
        return self._coded(rng, self._folded(rng, self._mastered(rng, wave))), *self._described(targets, changes)

    def _render(self, rng: Generator, song: Song, target: frozenset[str], start: int, change: Change) -> Samples:
        """The parts of ``target`` with gains of their own, summed, then changed as one."""
        parts = song.parts_of(target)
        length = source_length(change, self._length)
        kept = [part for part in parts if len(parts) == 1 or rng.random() >= self._mixing.drop_part]
        total = np.zeros((2, length), np.float32)
        for part in kept:
            gain_db = rng.uniform(-1, 1) * self._mixing.part_gain_db
            total += read_part(part, start, length) * np.float32(10 ** (gain_db / 20))
        return change_wave(change, total, song.rate, self._length)

    def _mastered(self, rng: Generator, wave: Samples) -> Samples:
        """All targets under one limiter's gain, now and then."""
        if rng.random() >= self._ranges.drive_chance:
            return wave
        gain = limiter_gain(wave.sum(0), rng.uniform(0, self._ranges.drive_db), RATE)
        return wave * gain

    def _folded(self, rng: Generator, wave: Samples) -> Samples:
        """All targets from the middle, now and then: a recording in mono."""
        chance = self._ranges.all_mono_chance
        if not chance or rng.random() >= chance:
            return wave
        return np.repeat(wave.mean(1, keepdims=True), 2, axis=1)

    def _coded(self, rng: Generator, wave: Samples) -> Samples:
        """Every target through one lossy codec, now and then; the mixture is the sum of what comes out."""
        ranges = self._ranges
        if not ranges.codec_chance or rng.random() >= ranges.codec_chance:
            return wave
        codec = draw_codec(rng, ranges.codecs, ranges.codec_kbps)
        return np.stack([through_codec(target, codec, RATE) for target in wave])


def readable(draw: Callable[[Generator], _Drawn], seed: list[int]) -> _Drawn:
    """An example by ``draw``; one more if a song was removed under our hands, as a studio at work may do.

    Raises AudioError if draw after draw meets a missing file.
    """
    for attempt in range(TRIES):
        try:
            return draw(np.random.default_rng(seed if attempt == 0 else [*seed, attempt]))
        except FileNotFoundError:
            continue
    raise AudioError(f"songs disappear faster than they are read: {TRIES} draws in a row met a missing file")

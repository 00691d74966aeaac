"""Training examples from songs: a stretch of one song, or stems of several songs that never met.

Every example is drawn from its own generator, seeded by (seed, process, step, item). So a run that is resumed at a step
draws what it would have drawn, whoever reads first, and nothing of the sampler needs saving but the list of songs.

An example has as many targets as there are stems. Where a song knows only a sum of stems, one target
is that sum, its row of ``members`` says of which, and the targets left over have weight zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.data.augment import RATE, Change, Ranges, change_wave, curve, draw, limiter_gain, source_length
from unbraid.data.batch import Batch, remixed
from unbraid.data.codec import draw_codec, through_codec
from unbraid.data.tracks import Song, read_part
from unbraid.errors import AudioError, UsageError
from unbraid.signal import Samples

__all__ = ["Batch", "Mixing", "Sampler", "readable"]

_SILENT = 1e-3  # RMS of full scale
_TRIES = 4
_Drawn = TypeVar("_Drawn")


@dataclass(frozen=True)
class Mixing:
    """How examples are put together.

    remix: share of examples whose stems come from different songs.
    weak: share of examples built on a song that knows only a sum of stems, if there are any.
    drop_target, drop_part: chance that a whole stem, or one of several parts of it, is left out.
    part_gain_db: each part's own gain, uniform within plus and minus.
    group: stems are also shuffled over so many examples in a row (unbraid.data.batch.remixed); 0 for never.
    rest_weight: how much a sum of stems counts beside a single one, in examples that know no better.
    """

    remix: float = 0.6
    weak: float = 0.2
    drop_target: float = 0.12
    drop_part: float = 0.1
    part_gain_db: float = 3.0
    group: int = 0
    rest_weight: float = 1.0


class Sampler:
    """Draws batches from ``songs`` for a net of ``stems``.

    length: of a piece in samples. hz: the frequencies at which curves are wanted, ``[freq]``.
    """

    def __init__(
        self, songs: Sequence[Song], stems: Sequence[str], length: int, hz: Samples, mixing: Mixing, ranges: Ranges
    ) -> None:
        self._stems, self._length, self._hz = tuple(stems), length, hz
        self._mixing, self._ranges = mixing, ranges
        known = set(stems)
        usable = [song for song in songs if all(target <= known for target in song.targets())]
        # A song known only as the sum of everything teaches nothing: the masks sum to one anyway.
        usable = [song for song in usable if known not in song.targets()]
        self._exact = [song for song in usable if all(len(target) == 1 for target in song.targets())]
        self._weak = [song for song in usable if any(len(target) > 1 for target in song.targets())]
        if not self._exact:
            raise UsageError(f"none of {len(songs)} songs has parts that belong to exactly one of {', '.join(stems)}")
        self._having = {stem: [song for song in usable if frozenset([stem]) in song.targets()] for stem in self._stems}

    def batch(self, seed: Sequence[int], size: int) -> Batch:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        examples = [readable(self._example, [*seed, item]) for item in range(size)]
        wave, curves, members, weight = (np.stack(column) for column in zip(*examples, strict=True))
        batch = Batch(wave, curves, members, weight)
        # No item has the number ``size``, so this generator is nobody else's.
        return remixed(batch, np.random.default_rng([*seed, size]), self._mixing.group) if self._mixing.group else batch

    def _example(self, rng: Generator) -> tuple[Samples, Samples, Samples, Samples]:
        weak = bool(self._weak) and rng.random() < self._mixing.weak
        base = _pick(rng, self._weak if weak else self._exact)
        remix = not weak and rng.random() < self._mixing.remix
        shared = draw(rng, self._ranges)
        start = self._start(rng, base, shared)
        count, channels = len(self._stems), 2
        wave = np.zeros((count, channels, self._length), np.float32)
        curves = np.ones((count, len(self._hz)), np.float32)
        members, weight = np.zeros((count, count), np.float32), np.zeros(count, np.float32)
        for slot, target in enumerate(self._plan(base)):
            change = draw(rng, self._ranges, target)
            if target in base.targets() and not (remix and len(target) == 1):
                change = change.with_speed_of(shared)
                wave[slot] = self._render(rng, base, target, start, change)
            else:
                wave[slot] = self._foreign(rng, target, change)
            if rng.random() < self._mixing.drop_target:
                wave[slot] = 0
            curves[slot] = curve(change, self._hz)
            members[slot] = [stem in target for stem in self._stems]
            weight[slot] = 1 if len(target) == 1 else self._mixing.rest_weight
        return self._coded(rng, self._mastered(rng, wave)), curves, members, weight

    def _plan(self, base: Song) -> list[frozenset[str]]:
        """The example's targets: those of ``base``, and one for each stem that it lacks."""
        targets = base.targets()
        covered = frozenset().union(*targets)
        return targets + [frozenset([stem]) for stem in self._stems if stem not in covered]

    def _foreign(self, rng: Generator, target: frozenset[str], change: Change) -> Samples:
        """The stem ``target`` from any song that has it, preferably where it sounds."""
        (stem,) = target
        wave = np.zeros((2, self._length), np.float32)
        for _ in range(_TRIES if self._having[stem] else 0):
            song = _pick(rng, self._having[stem])
            wave = self._render(rng, song, target, self._start(rng, song, change), change)
            if np.sqrt(np.mean(np.square(wave))) > _SILENT:
                break
        return wave

    def _start(self, rng: Generator, song: Song, change: Change) -> int:
        return int(rng.integers(max(1, song.samples - source_length(change, self._length))))

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
    for attempt in range(_TRIES):
        try:
            return draw(np.random.default_rng(seed if attempt == 0 else [*seed, attempt]))
        except FileNotFoundError:
            continue
    raise AudioError(f"songs disappear faster than they are read: {_TRIES} draws in a row met a missing file")


def _pick(rng: Generator, songs: Sequence[Song]) -> Song:
    """A song, longer ones more often: every second of material is as likely as any other."""
    lengths: NDArray[np.float64] = np.array([song.samples for song in songs], float)
    return songs[int(rng.choice(len(songs), p=lengths / lengths.sum()))]

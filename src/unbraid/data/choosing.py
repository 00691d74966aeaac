"""What an example is put together from: which songs, from where on, changed how.

The same for examples that are read here (:mod:`unbraid.data.sample`) and for those that a device mixes by a plan
(:mod:`unbraid.data.plan`); what is then made of a stretch of a song, each of them says for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from unbraid.data.augment import Change, Ranges, curve, draw, source_length
from unbraid.data.tracks import Song
from unbraid.errors import UsageError
from unbraid.signal import Samples

SILENT = 1e-3
"""RMS of full scale from which on something is to be heard."""

TRIES = 4
"""Draws at most until something is heard, or is there at all."""


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


@dataclass(frozen=True)
class Slot:
    """One target of an example: the stems that it is the sum of, and how it is changed.

    places: songs, and the sample from which on, to be tried in turn until something is heard; none if no song has it.
    """

    target: frozenset[str]
    change: Change
    places: Iterator[tuple[Song, int]]


class Chooser:
    """Chooses from ``songs`` for a net of ``stems``; UsageError if no song has parts of exactly one of them.

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
        exact = [song for song in usable if all(len(target) == 1 for target in song.targets())]
        if not exact:
            raise UsageError(f"none of {len(songs)} songs has parts that belong to exactly one of {', '.join(stems)}")
        weak = [song for song in usable if any(len(target) > 1 for target in song.targets())]
        self._exact, self._weak = _Pool(exact), _Pool(weak)
        self._having = {
            stem: _Pool([song for song in usable if frozenset([stem]) in song.targets()]) for stem in self._stems
        }

    def start(self, rng: Generator, song: Song, change: Change) -> int:
        """The sample of ``song`` from which a piece may begin."""
        return int(rng.integers(max(1, song.samples - source_length(change, self._length))))

    def _slots(self, rng: Generator) -> Iterator[Slot]:
        """The targets of one example. Slots and places are drawn when they are asked for, and must be used in turn:
        what a caller draws from ``rng`` for one of them comes before the next.
        """
        weak = bool(self._weak.songs) and rng.random() < self._mixing.weak
        base = (self._weak if weak else self._exact).pick(rng)
        remix = not weak and rng.random() < self._mixing.remix
        shared = draw(rng, self._ranges)
        start, own = self.start(rng, base, shared), base.targets()
        for target in _targets(own, self._stems):
            change = draw(rng, self._ranges, target)
            if target in own and not (remix and len(target) == 1):
                yield Slot(target, change.with_speed_of(shared), iter([(base, start)]))
            else:
                yield Slot(target, change, self._elsewhere(rng, target, change))

    def _elsewhere(self, rng: Generator, target: frozenset[str], change: Change) -> Iterator[tuple[Song, int]]:
        """Places of the stem ``target`` in any songs that have it."""
        (stem,) = target
        for _ in range(TRIES if self._having[stem].songs else 0):
            song = self._having[stem].pick(rng)
            yield song, self.start(rng, song, change)

    def _described(self, targets: Sequence[frozenset[str]], changes: Sequence[Change]) -> tuple[Samples, ...]:
        """curve, members and weight of one example, as :class:`unbraid.data.batch.Batch` has them."""
        count = len(self._stems)
        curves = np.ones((count, len(self._hz)), np.float32)
        members, weight = np.zeros((count, count), np.float32), np.zeros(count, np.float32)
        for slot, (target, change) in enumerate(zip(targets, changes, strict=True)):
            curves[slot] = curve(change, self._hz)
            members[slot] = [stem in target for stem in self._stems]
            weight[slot] = 1 if len(target) == 1 else self._mixing.rest_weight
        return curves, members, weight


class _Pool:
    """Songs, longer ones more often: every second of material is as likely as any other."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.songs = list(songs)
        self._edges = np.cumsum([song.samples for song in songs], dtype=np.float64)

    def pick(self, rng: Generator) -> Song:
        return self.songs[int(np.searchsorted(self._edges, rng.random() * self._edges[-1], "right"))]


def _targets(own: list[frozenset[str]], stems: Sequence[str]) -> list[frozenset[str]]:
    """The example's targets: a song's ``own``, and one for each stem that it lacks."""
    covered = frozenset().union(*own)
    return own + [frozenset([stem]) for stem in stems if stem not in covered]

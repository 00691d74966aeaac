"""Plans (unbraid.data.plan) with questions about the sounds in them: stems and words of the same examples.

An example of which all parts have a known sound is asked about, however its parts came together; of the others nothing
is known. So the trunk of a net hears each example once for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.data.augment import Change
from unbraid.data.plan import ROWS, Example, Numbers, Plan, Planner, Row, named, stacked
from unbraid.data.tracks import Part
from unbraid.query.sounds import Sound, chain, home, of_label
from unbraid.signal import Samples
from unbraid.train.query_data import Labelled, QuerySampler

_GUESTS = 2


@dataclass(frozen=True)
class Asked:
    """asked: ``[batch, query, row]``, 1 where a row is of what is asked, all in one target: ``slot_of[batch, query]``.
    holds: ``[batch, sound, row]``, 1 where a row is of a sound that is called.
    query, weights, called, known: as in :class:`unbraid.train.query_data.Questions`.
    """

    asked: Samples
    slot_of: NDArray[np.int64]
    query: Samples
    weights: Samples
    called: Samples
    known: Samples
    holds: Samples


@dataclass(frozen=True)
class WordsPlan(Asked, Plan):
    """A plan, whose fields come first, and the questions about it."""


class WordsPlanner:
    """Draws plans from ``plans`` with ``queries`` questions each by ``words``. guest: chance of a rare sound from
    another song in an example, and of a second.
    """

    def __init__(self, plans: Planner, words: QuerySampler, stems: Sequence[str], queries: int, guest: float) -> None:
        self._plans, self._words, self._stems = plans, words, tuple(stems)
        self._queries, self._guest = queries, guest

    def batch(self, seed: Sequence[int], size: int) -> WordsPlan:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        return WordsPlan(**stacked(self._example, seed, size))

    def _example(self, rng: Generator) -> Numbers:
        example = self._plans.example(rng)
        sounds = [_sound(row.part) for row in example.rows]
        exact = all(len(target) == 1 for target in example.targets)
        known = exact and all(sound is not None for sound in sounds)
        # Of whole stems alone nothing is asked.
        known = known and any(sound is not None and sound.whole is not None for sound in sounds)
        if known:
            for _ in range(_GUESTS):
                if rng.random() < self._guest:
                    example.rows += self._guests(rng, example)
            del example.rows[ROWS:]
        numbers = self._plans.numbers(rng, example)
        return numbers | (self._questions(rng, example.rows) if known else self._nothing())

    def _guests(self, rng: Generator, example: Example) -> list[Row]:
        song, parts = self._words.guest(rng)
        rows: list[Row] = []
        for part, sound in parts:
            stem = home(sound, self._stems)
            if frozenset([stem]) not in example.targets:
                continue
            slot = example.targets.index(frozenset([str(stem)]))
            change: Change = example.changes[slot]
            start = self._plans.start(rng, song.song, change)
            rows.append(self._plans.row(song.song, part, slot, start, change, 10 ** (rng.uniform(-4, 4) / 20)))
        return rows

    def _questions(self, rng: Generator, rows: list[Row]) -> Numbers:
        pairs = tuple((row.part, sound) for row in rows if (sound := _sound(row.part)) is not None)
        song = Labelled(self._words.any_song, pairs)
        names = [frozenset(chain(sound)) for _, sound in pairs]
        drawn = [self._words.question(rng, song) for _ in range(self._queries)]
        asked, slots = np.zeros((self._queries, ROWS), np.float32), np.zeros(self._queries, np.int64)
        for number, (wanted, _, _) in enumerate(drawn):
            found = [place for place, held in enumerate(names) if held & set(wanted)]
            asked[number, found] = 1
            slots[number] = rows[found[0]].slot if found else 0
        weights = np.stack([weight for _, _, weight in drawn])
        query = np.concatenate([self._words.vectors([text for _, text, _ in drawn]), weights], 1)
        called, known = self._words.call(rng, song)
        holds = np.zeros((len(known), ROWS), np.float32)
        for place, held in enumerate(names):
            holds[[self._words.place[name] for name in held if name in self._words.place], place] = 1
        return named(Asked, asked, slots, query, weights, called, known, holds)

    def _nothing(self) -> Numbers:
        """No question, and no sound of which anything is known."""
        count, stems, size = len(self._words.place), len(self._stems), self._words.query_size
        return named(
            Asked,
            np.zeros((self._queries, ROWS), np.float32),
            np.zeros(self._queries, np.int64),
            np.zeros((self._queries, size), np.float32),
            np.zeros((self._queries, stems), np.float32),
            np.zeros((count, size), np.float32),
            np.zeros(count, np.float32),
            np.zeros((count, ROWS), np.float32),
        )


def _sound(part: Part) -> Sound | None:
    return _labelled(part.label) if len(part.stems) == 1 else None


_labelled = lru_cache(maxsize=4096)(of_label)

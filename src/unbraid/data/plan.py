"""Training examples as plans: what to cut from which part, and how to change it, with no sample touched.

A GPU that learns faster than processors can read and mix needs another division of labour: all songs lie in its memory
(:mod:`unbraid.train.bank`), processes draw plans as here, which are a few numbers each, and the GPU cuts, changes and
mixes by them (:mod:`unbraid.train.mixdown`). What is drawn is what :class:`unbraid.data.sample.Sampler` draws, but for
changes that only processors can make: effects, codecs, and pitch apart from tempo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.data.augment import Change, Ranges, placement
from unbraid.data.choosing import SILENT, Chooser, Mixing
from unbraid.data.tracks import Part, Song
from unbraid.errors import UsageError
from unbraid.signal import Samples

ROWS = 24
"""Parts in an example; of more, some that are drawn are left out, as if they had been dropped."""

LONGEST_ROOM_S = 1.3
"""Of echoes."""

Numbers: TypeAlias = dict[str, NDArray[Any]]
"""Fields of a plan by name."""


class Place(NamedTuple):
    """Where a part lies in the bank: its first sample, and its level (RMS) in each ``STRETCH`` samples."""

    first: int
    level: Samples


STRETCH = 22_050
"""Samples of a stretch whose level is known."""


@dataclass(frozen=True)
class Plan:
    """start, stop: ``[batch, row]``, samples of the bank, where a row's reading begins and where its part ends; equal
    where there is no row. speed: ``[batch, row]``, samples of the bank in a sample. matrix: ``[batch, row, 2, 2]``,
    from channels to channels. slot: ``[batch, row]``, the target that the row is of. room_s, room_gain, room_delay_s:
    ``[batch, target]``, of echoes; no room where room_s is 0. drive_db: ``[batch]``, into the limiter; none where it
    is 0. mono: ``[batch]``, 1 where all sounds from the middle. curve, members, weight: as in
    :class:`unbraid.data.batch.Batch`.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    speed: Samples
    matrix: Samples
    slot: NDArray[np.int64]
    room_s: Samples
    room_gain: Samples
    room_delay_s: Samples
    drive_db: Samples
    mono: Samples
    curve: Samples
    members: Samples
    weight: Samples


@dataclass
class Row:
    """One part in an example."""

    part: Part
    slot: int
    first: int
    stop: int
    change: Change
    gain: float

    def matrix(self) -> Samples:
        """Gain, sign, width and exchange of channels as one: ``[2, 2]``."""
        change = self.change
        whole = placement(change)[::-1] if change.swap else placement(change)
        factor = self.gain * 10 ** (change.gain_db / 20) * (-1 if change.invert else 1)
        return np.asarray(whole * factor, np.float32)


@dataclass
class Example:
    """One example before it is numbers. changes: of each target."""

    rows: list[Row]
    changes: list[Change]
    targets: list[frozenset[str]]


class Planner(Chooser):
    """Draws plans from songs whose parts lie at ``places``; the other arguments are those of
    :class:`unbraid.data.choosing.Chooser`.
    """

    def __init__(
        self,
        songs: Sequence[Song],
        places: Mapping[Path, Place],
        stems: Sequence[str],
        length: int,
        hz: Samples,
        mixing: Mixing,
        ranges: Ranges,
    ) -> None:
        wrong = unable(mixing, ranges)
        if wrong is not None:
            raise UsageError(wrong)
        super().__init__(songs, stems, length, hz, mixing, ranges)
        self._places = places

    def batch(self, seed: Sequence[int], size: int) -> Plan:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        return Plan(**stacked(lambda rng: self.numbers(rng, self.example(rng)), seed, size))

    def example(self, rng: Generator) -> Example:
        """As :class:`unbraid.data.sample.Sampler` draws one."""
        example = Example([], [], [])
        for number, slot in enumerate(self._slots(rng)):
            rows: list[Row] = []
            for song, start in slot.places:
                rows = self._rows(rng, song, slot.target, number, start, slot.change)
                if rows:
                    break
            if rng.random() >= self._mixing.drop_target:
                example.rows += rows
            example.changes.append(slot.change)
            example.targets.append(slot.target)
        while len(example.rows) > ROWS:
            del example.rows[rng.integers(len(example.rows))]
        return example

    def row(self, song: Song, part: Part, slot: int, start: int, change: Change, gain: float) -> Row:
        first = self._places[part.path].first
        return Row(part, slot, first + start, first + song.samples, change, gain)

    def sounds(self, part: Part, start: int) -> bool:
        """Whether something of ``part`` is to be heard in the piece from ``start`` on."""
        level = self._places[part.path].level
        return bool((level[start // STRETCH : (start + self._length) // STRETCH + 1] > SILENT).any())

    def _rows(
        self, rng: Generator, song: Song, target: frozenset[str], slot: int, start: int, change: Change
    ) -> list[Row]:
        """The parts of ``target`` with gains of their own."""
        parts, rows = song.parts_of(target), []
        for part in parts:
            if len(parts) == 1 or rng.random() >= self._mixing.drop_part:
                gain_db = rng.uniform(-1, 1) * self._mixing.part_gain_db
                if self.sounds(part, start):
                    rows.append(self.row(song, part, slot, start, change, float(10 ** (gain_db / 20))))
        return rows

    def numbers(self, rng: Generator, example: Example) -> Numbers:
        """The fields of a :class:`Plan` for one example."""
        rows = example.rows[:ROWS]
        start, stop, slot = (np.zeros(ROWS, np.int64) for _ in range(3))
        speed, matrix = np.ones(ROWS, np.float32), np.zeros((ROWS, 2, 2), np.float32)
        for place, row in enumerate(rows):
            start[place], stop[place], slot[place] = row.first, row.stop, row.slot
            speed[place], matrix[place] = row.change.speed, row.matrix()
        room = np.zeros((3, len(self._stems)), np.float32)
        for place, change in enumerate(example.changes):
            if change.room_s is not None:
                room[:, place] = change.room_s, 10 ** (rng.uniform(-14, -4) / 20), rng.uniform(0.01, 0.03)
        driven = rng.random() < self._ranges.drive_chance
        drive_db = np.array(rng.uniform(0, self._ranges.drive_db) if driven else 0, np.float32)
        chance = self._ranges.all_mono_chance
        mono = np.array(chance and rng.random() < chance, np.float32)
        described = self._described(example.targets, example.changes)
        return named(Plan, start, stop, speed, matrix, slot, *room, drive_db, mono, *described)


def stacked(draw: Callable[[Generator], Numbers], seed: Sequence[int], size: int) -> Numbers:
    """The numbers of ``size`` examples by ``draw``, each from a generator seeded by ``(*seed, item)``."""
    rows = [draw(np.random.default_rng([*seed, item])) for item in range(size)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def named(kind: type[Any], *values: NDArray[np.generic]) -> Numbers:
    """``values`` by the names of the fields of ``kind``."""
    return dict(zip((field.name for field in fields(kind)), values, strict=True))


def unable(mixing: Mixing, ranges: Ranges) -> str | None:
    """What is asked for and plans cannot say, in a sentence; None if there is nothing."""
    asked = {
        "data.augment.stretch_chance": ranges.stretch_chance,
        "data.augment.effect_chance": ranges.effect_chance,
        "data.augment.codec_chance": ranges.codec_chance,
        "data.mixing.group": mixing.group,
    }
    wrong = [name for name, value in asked.items() if value]
    if wrong:
        return f"run.resident mixes on the device, which cannot do {', '.join(wrong)}; set it to 0"
    if ranges.room_chance and ranges.room_s[1] > LONGEST_ROOM_S:
        return f"data.augment.room_s is up to {ranges.room_s[1]} s; with run.resident at most {LONGEST_ROOM_S} s"
    return None

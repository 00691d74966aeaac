"""Training examples as plans: what to cut from which part, and how to change it, with no sample touched.

A GPU that learns faster than processors can read and mix needs another division of labour: all songs lie in its memory
(:mod:`unbraid.train.bank`), processes draw plans as here, which are a few numbers each, and the GPU cuts, changes and
mixes by them (:mod:`unbraid.train.mixdown`). What is drawn is what :class:`unbraid.data.sample.Sampler` draws, but for
changes that only processors can make: effects, codecs, and pitch apart from tempo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unbraid.data.augment import Change, Ranges, curve, draw, source_length
from unbraid.data.sample import Mixing
from unbraid.data.tracks import Part, Song
from unbraid.errors import UsageError
from unbraid.signal import Samples

ROWS = 24
"""Parts in an example; of more, some that are drawn are left out, as if they had been dropped."""

LONGEST_ROOM_S = 1.3
"""Of echoes."""

_TRIES = 4


class Place(NamedTuple):
    """Where a part lies in the bank: its first sample, and its level (RMS) in each ``STRETCH`` samples."""

    first: int
    level: Samples


STRETCH = 22_050
"""Samples of a stretch whose level is known."""

_SILENT = 1e-3  # RMS of full scale


@dataclass(frozen=True)
class Plan:
    """start, stop: ``[batch, row]``, samples of the bank, where a row's reading begins and where its part ends; equal
    where there is no row. speed: ``[batch, row]``, samples of the bank in a sample. matrix: ``[batch, row, 2, 2]``,
    from channels to channels. slot: ``[batch, row]``, the target that the row is of. room_s, room_gain, room_delay_s:
    ``[batch, target]``, of echoes; no room where room_s is 0. drive_db: ``[batch]``, into the limiter; none where it
    is 0. curve, members, weight: as in :class:`unbraid.data.batch.Batch`.
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
        width = change.width
        whole = np.array([[1 + width, 1 - width], [1 - width, 1 + width]]) / 2  # mid and side, side times width
        whole = whole[::-1] if change.swap else whole
        factor = self.gain * 10 ** (change.gain_db / 20) * (-1 if change.invert else 1)
        return np.asarray(whole * factor, np.float32)


@dataclass
class Example:
    """One example before it is numbers. changes: of each target."""

    rows: list[Row]
    changes: list[Change]
    targets: list[frozenset[str]]


class Planner:
    """Draws plans from ``songs``, whose parts lie at ``places``, for a net of ``stems``.

    length: of a piece in samples. hz: the frequencies at which curves are wanted, ``[freq]``.
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
        self._stems, self._length, self._hz, self._places = tuple(stems), length, hz, places
        self._mixing, self._ranges = mixing, ranges
        known = set(stems)
        usable = [song for song in songs if all(target <= known for target in song.targets())]
        usable = [song for song in usable if known not in song.targets()]  # the masks sum to one anyway
        exact = [song for song in usable if all(len(target) == 1 for target in song.targets())]
        if not exact:
            raise UsageError(f"none of {len(songs)} songs has parts that belong to exactly one of {', '.join(stems)}")
        weak = [song for song in usable if any(len(target) > 1 for target in song.targets())]
        self._exact, self._weak = _Pool(exact), _Pool(weak)
        self._having = {
            stem: _Pool([song for song in usable if frozenset([stem]) in song.targets()]) for stem in self._stems
        }

    def batch(self, seed: Sequence[int], size: int) -> Plan:
        """``size`` examples, each from a generator seeded by ``(*seed, item)``."""
        rows = [self.numbers(rng, self.example(rng)) for rng in map(np.random.default_rng, _seeds(seed, size))]
        return Plan(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})

    def example(self, rng: Generator) -> Example:
        """As :class:`unbraid.data.sample.Sampler` draws one."""
        weak = bool(self._weak.songs) and rng.random() < self._mixing.weak
        base = (self._weak if weak else self._exact).pick(rng)
        remix = not weak and rng.random() < self._mixing.remix
        shared = draw(rng, self._ranges)
        start = self.start(rng, base, shared)
        targets = _plan(base, self._stems)
        rows: list[Row] = []
        changes = []
        for slot, target in enumerate(targets):
            change = draw(rng, self._ranges, target)
            if target in base.targets() and not (remix and len(target) == 1):
                change = change.with_speed_of(shared)
                new = self._rows(rng, base, target, slot, start, change)
            else:
                new = self._foreign(rng, target, slot, change)
            changes.append(change)
            if rng.random() >= self._mixing.drop_target:
                rows += new
        while len(rows) > ROWS:
            del rows[rng.integers(len(rows))]
        return Example(rows, changes, targets)

    def start(self, rng: Generator, song: Song, change: Change) -> int:
        """Where in ``song`` a piece may begin."""
        return int(rng.integers(max(1, song.samples - source_length(change, self._length))))

    def row(self, song: Song, part: Part, slot: int, start: int, change: Change, gain: float) -> Row:
        first = self._places[part.path].first
        return Row(part, slot, first + start, first + song.samples, change, gain)

    def sounds(self, part: Part, start: int) -> bool:
        """Whether something of ``part`` is to be heard in the piece from ``start`` on."""
        level = self._places[part.path].level
        return bool((level[start // STRETCH : (start + self._length) // STRETCH + 1] > _SILENT).any())

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

    def _foreign(self, rng: Generator, target: frozenset[str], slot: int, change: Change) -> list[Row]:
        """The stem ``target`` from any song that has it, preferably where it sounds."""
        (stem,) = target
        rows: list[Row] = []
        for _ in range(_TRIES if self._having[stem].songs else 0):
            song = self._having[stem].pick(rng)
            rows = self._rows(rng, song, target, slot, self.start(rng, song, change), change)
            if rows:
                break
        return rows

    def numbers(self, rng: Generator, example: Example) -> dict[str, NDArray[np.generic]]:
        """The fields of a :class:`Plan` for one example."""
        count, rows = len(self._stems), example.rows[:ROWS]
        start, stop, slot = (np.zeros(ROWS, np.int64) for _ in range(3))
        speed, matrix = np.ones(ROWS, np.float32), np.zeros((ROWS, 2, 2), np.float32)
        for place, row in enumerate(rows):
            start[place], stop[place], slot[place] = row.first, row.stop, row.slot
            speed[place], matrix[place] = row.change.speed, row.matrix()
        room = np.zeros((3, count), np.float32)
        curves = np.ones((count, len(self._hz)), np.float32)
        members, weight = np.zeros((count, count), np.float32), np.zeros(count, np.float32)
        for place, (target, change) in enumerate(zip(example.targets, example.changes, strict=True)):
            curves[place] = curve(change, self._hz)
            members[place] = [stem in target for stem in self._stems]
            weight[place] = 1 if len(target) == 1 else self._mixing.rest_weight
            if change.room_s is not None:
                room[:, place] = change.room_s, 10 ** (rng.uniform(-14, -4) / 20), rng.uniform(0.01, 0.03)
        driven = rng.random() < self._ranges.drive_chance
        drive_db = np.float32(rng.uniform(0, self._ranges.drive_db) if driven else 0)
        values = (start, stop, speed, matrix, slot, *room, drive_db, curves, members, weight)
        return dict(zip((field.name for field in fields(Plan)), values, strict=True))


class _Pool:
    """Songs, longer ones more often: every second of material is as likely as any other."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.songs = list(songs)
        self._edges = np.cumsum([song.samples for song in songs], dtype=np.float64)

    def pick(self, rng: Generator) -> Song:
        return self.songs[int(np.searchsorted(self._edges, rng.random() * self._edges[-1], "right"))]


def _plan(base: Song, stems: Sequence[str]) -> list[frozenset[str]]:
    """The example's targets: those of ``base``, and one for each stem that it lacks."""
    targets = base.targets()
    covered = frozenset().union(*targets)
    return targets + [frozenset([stem]) for stem in stems if stem not in covered]


def _seeds(seed: Sequence[int], size: int) -> list[list[int]]:
    return [[*seed, item] for item in range(size)]


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

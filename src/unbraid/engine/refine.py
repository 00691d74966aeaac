"""More than one pass over a song: time shifts and bags of models, averaged.

Shifts (Demucs 2019, section 4.3): the song is delayed by a random time of up to half a second, taken apart, and
shifted back; the mean over several delays is a little better than any one. A bag (Demucs v3) is several models whose
answers are averaged, with a weight for each model and stem; a fine-tuned bag gives each stem to one model alone.

Both come to a list of passes with one coefficient for each stem, so that a song's answer is

    out_k = sum over passes p of  c_pk * answer_pk,      c_pk = weight_mk / (shifts * sum_m weight_mk)

and a pass whose coefficients are zero for every wanted stem is not run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.engine.contract import Separator
from unbraid.engine.presence import Presence
from unbraid.engine.progress import Meter, OnProgress, StopAsked, never
from unbraid.engine.run import Passage, Schedule, run, steps
from unbraid.engine.source import AS_IT_IS, ShiftedSource, Source, track_normalized
from unbraid.errors import ModelError, UsageError
from unbraid.signal import Samples

MAX_SHIFT_S = 0.5


@dataclass(frozen=True)
class Member:
    """A separator of a bag and its weight for each stem.

    order: its place in the whole bag, from which its shifts are drawn, so that they do not depend on which of the
    others were loaded.
    """

    separator: Separator
    weights: tuple[float, ...]
    order: int = 0


@dataclass(frozen=True)
class Pass:
    """One way through the song: who, delayed by how many samples, counted how much for each stem and for queries."""

    separator: Separator
    delay: int
    coefficients: Samples
    asked: float = 0.0


Sink = Callable[[int, Pass, Sequence[Samples]], None]
"""Takes (pass number, pass, passage): for each stem and query ``[channel, time]``, multiplied by its coefficient."""


def passes(
    members: Sequence[Member], wanted: Sequence[str], shifts: int, seed: int, *, asked: bool = False
) -> list[Pass]:
    """What has to be run for the ``wanted`` stems, and for queries if there are any (``asked``).

    The delays are drawn from ``seed``.
    """
    if shifts < 0:
        raise UsageError(f"shifts is {shifts}; give 0 for none, or a small positive number")
    if seed < 0:
        raise UsageError(f"seed is {seed}; give 0 or more")
    stems = members[0].separator.spec.stems
    weights = np.array([member.weights for member in members], np.float64)
    total = weights.sum(0)
    wanted_mask = np.array([stem in wanted for stem in stems], bool)
    if weights.shape[1] != len(stems) or (total[wanted_mask] <= 0).any():
        raise ModelError(f"a bag's weights {weights.tolist()} leave a stem of {', '.join(stems)} without a model")
    total[total <= 0] = 1.0
    todo = []
    for member, row in zip(members, weights, strict=True):
        limit = int(MAX_SHIFT_S * member.separator.spec.rate)
        delays = np.random.default_rng([seed, member.order]).integers(0, limit + 1, shifts).tolist() or [0]
        if not row[wanted_mask].any() and not asked:
            continue
        share = np.where(wanted_mask, row / total / max(shifts, 1), 0.0).astype(np.float32)
        of_queries = 1 / max(shifts, 1) / len(members) if asked else 0.0
        todo += [Pass(member.separator, delay, share, of_queries) for delay in delays]
    return todo


def run_passes(
    todo: Sequence[Pass],
    source: Source,
    schedule: Schedule,
    sink: Sink,
    on_progress: OnProgress | None = None,
    stop_asked: StopAsked = never,
    queries: Samples | None = None,
) -> Samples | None:
    """Run every pass and hand its passages to ``sink``, in order, each pass covering the whole source.

    ``queries[query, embedding]`` asks for more sounds. Returns their presence ``[query]`` in the song, or None.
    """
    work = sum(steps(source.length + each.delay, each.separator, schedule) for each in todo)
    meter = Meter("separate", work, on_progress, stop_asked)
    presence = Presence()
    for number, each in enumerate(todo):
        spec = each.separator.spec
        level, heard = AS_IT_IS, source
        if spec.normalize == "track":
            normalized = track_normalized(source)
            level, heard = normalized.level, normalized
        if each.delay:
            heard = ShiftedSource(heard, each.delay)
        skip = each.delay
        for passage in run(each.separator, heard, schedule, meter, queries, level):
            answer = _answer(each, passage)
            length = passage.stems.shape[-1]
            kept, skip = min(skip, length), max(0, skip - length)
            if not passage.last:
                presence.push(passage.presence)
            if kept < length:
                sink(number, each, [row[:, kept:] for row in answer])
    return presence.pooled() if queries is not None else None


def _answer(each: Pass, passage: Passage) -> list[Samples]:
    """Each stem and query ``[channel, time]`` times the pass's coefficient."""
    rows = [_scaled(row, factor) for row, factor in zip(passage.stems, each.coefficients, strict=True)]
    asked = () if passage.asked is None else passage.asked
    return rows + [_scaled(row, np.float32(each.asked)) for row in asked]


def _scaled(row: Samples, factor: np.float32) -> Samples:
    return row * factor if factor != 1 else row

"""One separator over one source: plan, parallel callers, blend.

Chunks are computed by several callers of one thread each (on CPUs that beats one caller of many threads, 1.1 to 1.6
times) and blended in the order of the song, so the result does not depend on who finishes first. Chunks that are left
when there are fewer than callers get the idle cores, too, if the separator can use them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from unbraid.engine.blend import Blend
from unbraid.engine.contract import Gathering, Separated, Separator, Sharing
from unbraid.engine.cores import cores
from unbraid.engine.plan import Chunk, count, plan
from unbraid.engine.progress import Meter
from unbraid.engine.source import AS_IT_IS, Level, Source, read_padded
from unbraid.errors import ModelError
from unbraid.signal import Samples


@dataclass(frozen=True)
class Schedule:
    """How a song is gone through. None of it changes the result but ``overlap``, and ``batch`` its rounding.

    overlap: of neighbouring chunks, as a fraction of a segment.
    batch: chunks given to the separator at once; 0 stands for as many as it likes.
    callers: calls under way at once; 0 stands for one on each core.
    """

    overlap: float = 0.25
    batch: int = 0
    callers: int = 0

    @property
    def workers(self) -> int:
        return self.callers or cores()

    def together(self, separator: Separator) -> int:
        """Chunks given to ``separator`` at once."""
        return self.batch or (separator.together if isinstance(separator, Gathering) else 1)


@dataclass(frozen=True)
class Passage:
    """A stretch of the answer, final: ``stems[stem, channel, time]`` and ``asked[query, channel, time]``.

    presence: ``[query]``, of the chunk that came in; ``last`` is the stretch that no chunk comes with.
    """

    stems: Samples
    asked: Samples | None = None
    presence: Samples | None = None
    last: bool = False


def run(
    separator: Separator,
    source: Source,
    schedule: Schedule,
    meter: Meter,
    queries: Samples | None = None,
    level: Level = AS_IT_IS,
) -> Iterator[Passage]:
    """Take ``source`` apart; yields passages that follow each other without gap and sum up to its length.

    ``queries[query, embedding]`` asks for more sounds. ``meter`` is stepped once a chunk. ``level`` is what was done to
    the song to make ``source``; it is undone chunk by chunk, so that one of digital silence can be answered with it.
    """
    spec = separator.spec
    assert source.channels == spec.channels
    stem_blend, asked_blend = Blend(spec.segment), Blend(spec.segment)
    for chunk, answer in _answers(separator, source, schedule, meter, queries, level):
        stems = stem_blend.push(chunk.start, answer.stems[0])
        asked = None if answer.asked is None else asked_blend.push(chunk.start, answer.asked[0])
        yield Passage(stems, asked, None if answer.presence is None else answer.presence[0])
        meter.step()
    rest = stem_blend.finish()
    if rest is not None:
        yield Passage(rest, asked_blend.finish(), last=True)


def steps(length: int, separator: Separator, schedule: Schedule) -> int:
    """How often :func:`run` steps its meter over ``length`` samples."""
    return count(length, separator.spec, schedule.overlap)


def _answers(
    separator: Separator, source: Source, schedule: Schedule, meter: Meter, queries: Samples | None, level: Level
) -> Iterator[tuple[Chunk, Separated]]:
    """Chunks and their answers in order; under way are no more chunks than twice the callers, or two calls' worth."""
    batch = schedule.together(separator)
    most = max(2, 2 * schedule.workers // batch)
    waiting: deque[tuple[list[Chunk], Future[list[Separated]]]] = deque()
    pool = ThreadPoolExecutor(schedule.workers, thread_name_prefix="unbraid")
    left, last = steps(source.length, separator, schedule), _last_round(source.length, separator, schedule)
    try:
        for group in _groups(plan(source.length, separator.spec, schedule.overlap), batch):
            meter.check()
            if left == last and isinstance(separator, Sharing):
                while waiting:  # those under way still use the cores
                    done, future = waiting.popleft()
                    yield from zip(done, future.result(), strict=True)
                separator = separator.among(last)
            left -= len(group)
            given = [read_padded(source, chunk.given_start, chunk.given_stop) for chunk in group]
            waiting.append((group, pool.submit(_answer, separator, group, given, queries, level)))
            if len(waiting) >= most:
                done, future = waiting.popleft()
                yield from zip(done, future.result(), strict=True)
        while waiting:
            done, future = waiting.popleft()
            yield from zip(done, future.result(), strict=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _last_round(length: int, separator: Separator, schedule: Schedule) -> int:
    """How many chunks are left when there are fewer than calls at once."""
    if not isinstance(separator, Sharing) or schedule.together(separator) > 1:
        return 0
    return steps(length, separator, schedule) % min(separator.callers, schedule.workers)


def _groups(chunks: Iterator[Chunk], batch: int) -> Iterator[list[Chunk]]:
    """Neighbouring chunks of one given length, at most ``batch`` together."""
    group: list[Chunk] = []
    for chunk in chunks:
        given = chunk.given_stop - chunk.given_start
        if group and (len(group) == batch or given != group[0].given_stop - group[0].given_start):
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group


def _answer(
    separator: Separator, group: list[Chunk], given: list[Samples], queries: Samples | None, level: Level
) -> list[Separated]:
    """One call of the separator; each chunk's own samples are cut out of its answer, as loud as the song was."""
    spec, asked = separator.spec, None if queries is None else len(queries)
    loud = [index for index, samples in enumerate(given) if not level.silent(samples)]
    answers = [_silence(len(spec.stems), asked, spec.channels, chunk.length) for chunk in group]
    if not loud:
        return answers
    batch = None if queries is None else np.repeat(queries[None], len(loud), axis=0)
    whole = separator(np.stack([given[index] for index in loud]), batch)
    _check(whole, len(loud), len(spec.stems), asked, given[0].shape, spec.name)
    for row, index in enumerate(loud):
        chunk = group[index]
        own = slice(chunk.left, chunk.left + chunk.length)
        answers[index] = Separated(
            level.undone(whole.stems[row : row + 1, ..., own]),
            None if whole.asked is None else level.undone(whole.asked[row : row + 1, ..., own], whole=False),
            None if whole.presence is None else whole.presence[row : row + 1],
        )
    return answers


def _silence(stems: int, asked: int | None, channels: int, length: int) -> Separated:
    """The answer to digital silence, for every net: the gate that makes "silence in, silence out" true."""
    if asked is None:
        return Separated(np.zeros((1, stems, channels, length), np.float32))
    return Separated(
        np.zeros((1, stems, channels, length), np.float32),
        np.zeros((1, asked, channels, length), np.float32),
        np.zeros((1, asked), np.float32),
    )


def _check(answer: Separated, batch: int, stems: int, asked: int | None, given: tuple[int, ...], name: str) -> None:
    """A broken model file must not become a stem: its answer has the promised shape and is finite."""
    if answer.stems.shape != (batch, stems, *given):
        raise ModelError(f"model {name!r} answered {answer.stems.shape} instead of {(batch, stems, *given)}")
    if asked is not None and (answer.asked is None or answer.asked.shape != (batch, asked, *given)):
        raise ModelError(f"model {name!r} did not answer {asked} queries")
    # A sum is finite only if all of it is, and is made faster than a test of each sample.
    with np.errstate(all="ignore"):
        sums = answer.stems.sum() + (0 if answer.asked is None else answer.asked.sum())
    if not np.isfinite(sums):
        raise ModelError(f"model {name!r} answered with NaN or infinity; its weights are broken")

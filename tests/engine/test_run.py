"""The engine's laws that do not depend on a net."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pytest

from tests.engine.toys import Toy, toy
from unbraid.engine.contract import Separated
from unbraid.engine.progress import Meter, Progress
from unbraid.engine.run import Schedule, run, steps
from unbraid.engine.source import ArraySource
from unbraid.errors import Cancelled, ModelError
from unbraid.signal import Samples


def noise(length: int, channels: int = 2) -> Samples:
    return np.random.default_rng(3).standard_normal((channels, length)).astype(np.float32)


def separate(separator: Toy, samples: Samples, schedule: Schedule = Schedule()) -> Samples:  # noqa: B008 (frozen)
    passages = list(run(separator, ArraySource(samples), schedule, Meter("test", 1)))
    empty = np.zeros((len(separator.spec.stems), *samples.shape[:1], 0), np.float32)
    return np.concatenate([empty, *(passage.stems for passage in passages)], axis=-1)


@pytest.mark.parametrize("length", [0, 1, 7, 63, 64, 65, 1000])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("facts", [{}, {"multiple": 16}, {"fixed_length": True}])
def test_an_identity_separator_returns_its_input(length: int, overlap: float, facts: dict[str, object]) -> None:
    samples = noise(length)
    answer = separate(toy(shares=(1.0, 0.5), **facts), samples, Schedule(overlap=overlap))
    np.testing.assert_allclose(answer[0], samples, atol=1e-6)
    np.testing.assert_allclose(answer[1], samples / 2, atol=1e-6)


@pytest.mark.parametrize("schedule", [Schedule(batch=3), Schedule(callers=1), Schedule(callers=5), Schedule(batch=8)])
def test_batch_and_callers_change_nothing(schedule: Schedule) -> None:
    samples = noise(1234)
    expected = separate(toy(), samples, Schedule(callers=1))
    answer = separate(toy(jitter_s=0.001), samples, schedule)
    np.testing.assert_array_equal(answer, expected)


@dataclass
class Shared(Toy):
    """Is told among how many calls the cores are shared, and notes how many chunks it answered so."""

    callers: int = 2
    answered: dict[int, int] = field(default_factory=dict)

    def among(self, callers: int) -> Self:
        return replace(self, callers=callers)

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        with self.lock:
            self.answered[self.callers] = self.answered.get(self.callers, 0) + len(mix)
        return super().__call__(mix, queries)


@pytest.mark.parametrize(
    ("callers", "chunks", "answered"),
    [(2, 10, {2: 10}), (2, 11, {2: 10, 1: 1}), (4, 11, {4: 8, 3: 3}), (4, 2, {2: 2}), (1, 3, {1: 3})],
)
def test_the_last_chunks_share_all_cores(callers: int, chunks: int, answered: dict[int, int]) -> None:
    samples, schedule = noise(chunks * 64), Schedule(overlap=0.0, callers=callers)
    separator = Shared(toy().spec, callers=callers)
    np.testing.assert_array_equal(separate(separator, samples, schedule), separate(toy(), samples, schedule))
    assert separator.answered == answered


def test_a_chunk_that_fails_before_the_last_round_is_told_at_once() -> None:
    class Failing(Shared):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            with self.lock:
                self.calls.append((len(mix), mix.shape[-1]))
            raise ModelError("broken")

    separator = Failing(toy().spec, callers=2)
    with pytest.raises(ModelError, match="broken"):
        separate(separator, noise(5 * 64), Schedule(overlap=0.0, callers=2))
    assert len(separator.calls) < 5


def test_cores_are_not_shared_out_anew_in_batches() -> None:
    separator = Shared(toy().spec, callers=2)
    separate(separator, noise(5 * 64), Schedule(overlap=0.0, callers=2, batch=3))
    assert separator.answered == {2: 5}


def test_a_separator_is_given_as_many_chunks_as_it_likes() -> None:
    class Liking(Toy):
        together = 3

    separator = Liking(toy().spec)
    samples, schedule = noise(8 * 64), Schedule(overlap=0.0, callers=1)
    np.testing.assert_array_equal(separate(separator, samples, schedule), samples[None])
    assert separator.calls == [(3, 64), (3, 64), (2, 64)]
    separator.calls.clear()
    separate(separator, samples, replace(schedule, batch=1))
    assert separator.calls == [(1, 64)] * 8


@pytest.mark.parametrize(("together", "callers", "most"), [(1, 8, 16), (4, 8, 16), (4, 1, 8), (3, 1, 6)])
def test_so_many_chunks_are_read_ahead_and_no_more(together: int, callers: int, most: int) -> None:
    class Liking(Toy):
        pass

    Liking.together = together  # type: ignore[attr-defined]
    read: list[int] = []

    class Counted(ArraySource):
        def read(self, start: int, stop: int) -> Samples:
            read.append(start)
            return super().read(start, stop)

    schedule = Schedule(overlap=0.0, callers=callers)
    passages = run(Liking(toy().spec), Counted(noise(100 * 64)), schedule, Meter("test", 1))
    next(passages)
    assert len(read) == most


def test_chunks_are_padded_with_their_real_neighbours() -> None:
    class Neighbours(Toy):
        """Answers each sample with its right neighbour, which only the padding can give at a chunk's end."""

        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            return Separated(np.roll(mix, -1, axis=-1)[:, None])

    samples = noise(640)
    separator = Neighbours(toy(segment=64, multiple=80).spec)
    answer = separate(separator, samples, Schedule(overlap=0.0))
    np.testing.assert_allclose(answer[0, :, :-1], samples[:, 1:], atol=1e-6)


def test_silence_stays_silence_for_a_net_that_hums() -> None:
    class Hum(Toy):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            return Separated(np.ones((len(mix), 1, *mix.shape[1:]), np.float32))

    assert not separate(Hum(toy().spec), np.zeros((2, 500), np.float32)).any()


def test_queries_are_answered_beside_the_stems() -> None:
    separator = toy(embedding=4)
    queries = np.stack([np.full(4, 0.25), np.full(4, 1.0)]).astype(np.float32)
    samples = noise(300)
    passages = list(run(separator, ArraySource(samples), Schedule(), Meter("test", 1), queries))
    asked = np.concatenate([p.asked for p in passages if p.asked is not None], axis=-1)
    np.testing.assert_allclose(asked[0], samples / 4, atol=1e-6)
    np.testing.assert_allclose(asked[1], samples, atol=1e-6)
    assert all(p.presence.tolist() == [0.0, 1.0] for p in passages if p.presence is not None)


def test_progress_rises_to_one() -> None:
    told: list[Progress] = []
    separator, samples = toy(), noise(900)
    meter = Meter("separate", steps(900, separator, Schedule()), told.append)
    list(run(separator, ArraySource(samples), Schedule(), meter))
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert told[-1].seconds_left == 0.0
    assert {each.stage for each in told} == {"separate"}


def test_a_stop_is_obeyed_between_chunks() -> None:
    stop = threading.Event()

    class StopsAtThird(Toy):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            if len(self.calls) == 2:
                stop.set()
            return super().__call__(mix, queries)

    separator = StopsAtThird(toy().spec)
    meter = Meter("test", 1, stop_asked=stop.is_set)
    with pytest.raises(Cancelled):
        list(run(separator, ArraySource(noise(100_000)), Schedule(callers=1), meter))
    assert len(separator.calls) < 20


@pytest.mark.parametrize(
    ("answer", "message"),
    [(np.zeros((1, 2, 2, 64), np.float32), "answered"), (np.full((1, 1, 2, 64), np.nan, np.float32), "NaN")],
)
def test_a_broken_answer_does_not_become_a_stem(answer: Samples, message: str) -> None:
    class Broken(Toy):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            return Separated(answer)

    with pytest.raises(ModelError, match=message):
        separate(Broken(toy().spec), noise(64))

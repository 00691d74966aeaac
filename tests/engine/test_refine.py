"""Shifts and bags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.engine.toys import Toy, toy
from unbraid.engine.contract import Separated
from unbraid.engine.refine import Member, Pass, passes, run_passes
from unbraid.engine.run import Schedule
from unbraid.engine.source import ArraySource, track_normalized
from unbraid.errors import ModelError, UsageError
from unbraid.signal import Samples


def noise(length: int) -> Samples:
    return np.random.default_rng(4).standard_normal((2, length)).astype(np.float32) + np.float32(0.3)


def total(todo: list[Pass], samples: Samples, stems: int) -> Samples:
    """The sum over passes; each pass must cover the whole song once."""
    out = np.zeros((stems, *samples.shape), np.float32)
    filled = dict.fromkeys(range(len(todo)), 0)

    def sink(number: int, _: Pass, passage: Sequence[Samples]) -> None:
        start, length = filled[number], passage[0].shape[-1]
        out[..., start : start + length] += np.stack(passage)
        filled[number] += length

    run_passes(todo, ArraySource(samples), Schedule(), sink)
    assert set(filled.values()) == {samples.shape[-1]}
    return out


@pytest.mark.parametrize("shifts", [0, 1, 3])
@pytest.mark.parametrize("length", [1, 40, 999])
def test_shifts_leave_an_identity_alone(shifts: int, length: int) -> None:
    samples = noise(length)
    todo = passes([Member(toy(), (1.0,))], ["stem0"], shifts, seed=0)
    assert len(todo) == max(shifts, 1)
    np.testing.assert_allclose(total(todo, samples, 1)[0], samples, atol=1e-5)


def test_the_seed_decides_the_shifts() -> None:
    members = [Member(toy(), (1.0,))]
    delays = [[each.delay for each in passes(members, ["stem0"], 4, seed)] for seed in (0, 0, 1)]
    assert delays[0] == delays[1] != delays[2]
    assert all(0 <= delay <= 50 for delay in delays[0])


def test_a_bag_weighs_its_members() -> None:
    bag = [Member(toy(shares=(1.0, 2.0)), (3.0, 0.0)), Member(toy(shares=(5.0, 4.0)), (1.0, 2.0))]
    samples = noise(333)
    out = total(passes(bag, ["stem0", "stem1"], 0, 0), samples, 2)
    np.testing.assert_allclose(out[0], samples * 2.0, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[1], samples * 4.0, rtol=1e-5, atol=1e-6)


def test_a_member_that_no_wanted_stem_needs_is_not_run() -> None:
    idle, busy = toy(shares=(1.0, 1.0)), toy(shares=(1.0, 1.0))
    total(passes([Member(idle, (1.0, 0.0)), Member(busy, (0.0, 1.0))], ["stem1"], 0, 0), noise(200), 2)
    assert not idle.calls
    assert busy.calls


def test_a_stem_does_not_depend_on_which_others_are_wanted() -> None:
    bag = [Member(toy(shares=(1.0, 1.0)), (1.0, 0.0)), Member(toy(shares=(1.0, 1.0)), (0.0, 1.0), order=1)]
    alone = [each.delay for each in passes(bag[1:], ["stem1"], 2, 7)]
    together = [each.delay for each in passes(bag, ["stem0", "stem1"], 2, 7)]
    assert alone == together[2:]


def test_track_normalisation_is_undone() -> None:
    samples = noise(500) * 7

    class Watch(Toy):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            assert abs(float(mix.mean())) < 0.3
            return super().__call__(mix, queries)

    separator = Watch(toy(normalize="track").spec)
    out = total(passes([Member(separator, (1.0,))], ["stem0"], 1, 0), samples, 1)
    np.testing.assert_allclose(out[0], samples, atol=2e-5)


def test_track_statistics_are_those_of_the_mono_mix() -> None:
    samples = noise(4321)
    found = track_normalized(ArraySource(samples))
    mono = samples.mean(0).astype(np.float64)
    assert found.mean == pytest.approx(mono.mean(), abs=1e-7)
    assert found.scale == pytest.approx(mono.std(ddof=1) + 1e-8, rel=1e-6)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="shifts"):
        passes([Member(toy(), (1.0,))], ["stem0"], -1, 0)
    with pytest.raises(UsageError, match="seed"):
        passes([Member(toy(), (1.0,))], ["stem0"], 1, -1)
    with pytest.raises(ModelError, match="without a model"):
        passes([Member(toy(shares=(1.0, 1.0)), (1.0, 0.0))], ["stem1"], 0, 0)


def test_silence_within_a_song_that_is_normalised_stays_silence() -> None:
    samples = np.concatenate([noise(400) + 0.1, np.zeros((2, 400), np.float32), noise(400)], 1)

    class Biased(Toy):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            return Separated(super().__call__(mix, queries).stems + 0.3)

    separator = Biased(toy(segment=100, normalize="track").spec)
    out = total(passes([Member(separator, (1.0,))], ["stem0"], 0, 0), samples, 1)
    # A chunk that begins before the silence ends within it.
    assert not out[0][:, 500:700].any()
    assert np.abs(out[0][:, 100:300]).min() > 0

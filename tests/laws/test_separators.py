"""The laws of docs/design.md over every separator in the registry, through the engine that users run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.laws.tiny import NAMES, SIZES, separator
from unbraid.engine.refine import Member, passes, run_passes
from unbraid.engine.run import Schedule
from unbraid.engine.source import ArraySource
from unbraid.nets.registry import NETS
from unbraid.signal import Samples


def take_apart(name: str, mix: Samples, schedule: Schedule = Schedule(), shifts: int = 0, seed: int = 0) -> Samples:  # noqa: B008 (frozen)
    """``mix[channel, time] -> [stem, channel, time]``."""
    net = separator(name)
    stems = net.spec.stems
    todo = passes([Member(net, (1.0,) * len(stems))], stems, shifts, seed)
    out = [np.zeros((len(stems), *mix.shape), np.float32) for _ in todo]
    position = [0] * len(todo)

    def sink(number: int, _: object, passage: Sequence[Samples]) -> None:
        stop = position[number] + passage[0].shape[-1]
        out[number][..., position[number] : stop] = passage
        position[number] = stop

    run_passes(todo, ArraySource(mix), schedule, sink)
    assert position == [mix.shape[-1]] * len(todo)
    return sum(out[1:], out[0])


def music(name: str, segments: float, seed: int = 0) -> Samples:
    """Noise that swells and sinks, ``segments`` long."""
    spec = separator(name).spec
    length = round(segments * spec.segment)
    noise = np.random.default_rng(seed).standard_normal((spec.channels, length))
    swell = 0.1 + 0.1 * np.sin(np.arange(length) / 300)
    return (noise * swell).astype(np.float32)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_net_is_here() -> None:
    assert set(SIZES) == set(NETS), "a new net needs a small size in tests/laws/tiny.py"


@pytest.mark.parametrize("length", [0, 1, 777])
def test_any_length_comes_back(name: str, length: int) -> None:
    spec = separator(name).spec
    answer = take_apart(name, music(name, 1.0)[:, :length])
    assert answer.shape == (len(spec.stems), spec.channels, length)
    assert np.isfinite(answer).all()


def test_several_segments_and_a_rest_come_back(name: str) -> None:
    mix = music(name, 2.3)
    answer = take_apart(name, mix)
    assert answer.shape[-1] == mix.shape[-1]
    assert np.isfinite(answer).all()


def test_batch_callers_and_order_change_nothing(name: str) -> None:
    mix = music(name, 2.3)
    one = take_apart(name, mix, Schedule(callers=1))
    np.testing.assert_array_equal(take_apart(name, mix, Schedule(callers=3)), one)
    scale = np.abs(one).max()
    # A batch may be summed in another order inside the net.
    np.testing.assert_allclose(take_apart(name, mix, Schedule(batch=3)), one, atol=1e-4 * scale)


def test_silence_in_silence_out(name: str) -> None:
    spec = separator(name).spec
    mix = np.zeros((spec.channels, round(1.5 * spec.segment)), np.float32)
    answer = take_apart(name, mix)
    assert not answer.any()


def test_silence_within_a_song_stays_silence(name: str) -> None:
    segment, mix = separator(name).spec.segment, music(name, 4.2) + np.float32(0.01)
    mix[:, segment : 3 * segment + segment // 2] = 0
    # Of the chunks of 0.75 segments' stride those from 1.5 and 2.25 lie within it, and no other reaches 2 to 2.25.
    assert not take_apart(name, mix, Schedule(overlap=0.25))[..., 2 * segment : 2 * segment + segment // 4].any()


def test_what_says_that_silence_is_exact_needs_no_gate(name: str) -> None:
    net = separator(name)
    if net.spec.silence_exact:
        quiet = np.zeros((1, net.spec.channels, net.spec.valid_length(net.spec.segment)), np.float32)
        assert not net(quiet).stems.any()


def test_twice_as_loud_in_twice_as_loud_out(name: str) -> None:
    spec = separator(name).spec
    if not (spec.scale_equivariant or spec.normalize == "track"):
        return
    mix = music(name, 1.4)
    once = take_apart(name, mix)
    np.testing.assert_allclose(take_apart(name, 2 * mix), 2 * once, atol=2e-4 * np.abs(once).max())


def test_the_same_seed_gives_the_same_samples(name: str) -> None:
    mix = music(name, 0.6)
    first, second = (take_apart(name, mix, shifts=1, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["compact", "bundled"])
def test_masks_that_sum_to_one_give_stems_that_sum_to_the_mix(name: str) -> None:
    mix = music(name, 1.7)
    np.testing.assert_allclose(take_apart(name, mix).sum(0), mix, atol=1e-5)

"""The four sentences of the proof in engine/blend.py."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.engine.blend import Blend, triangle


def blend_all(pieces: list[tuple[int, np.ndarray]], segment: int) -> np.ndarray:
    blend = Blend(segment)
    parts = [blend.push(start, piece) for start, piece in pieces]
    rest = blend.finish()
    assert rest is not None
    return np.concatenate([*parts, rest], axis=-1)


@settings(max_examples=100, deadline=None)
@given(length=st.integers(1, 500), segment=st.integers(1, 120), stride=st.integers(1, 120))
def test_identity_in_identity_out(length: int, segment: int, stride: int) -> None:
    stride = min(max(stride, segment // 20), segment)  # the engine overlaps chunks by 95 % at most
    signal = np.random.default_rng(0).standard_normal((2, length)).astype(np.float32)
    pieces = [(start, signal[:, start : start + segment]) for start in range(0, length, stride)]
    np.testing.assert_allclose(blend_all(pieces, segment), signal, atol=1e-6)


def test_one_chunk_is_returned_as_it_is_up_to_its_ends() -> None:
    signal = np.random.default_rng(0).standard_normal((1, 50)).astype(np.float32)
    np.testing.assert_array_equal(blend_all([(0, signal)], 50), signal)


def test_what_one_chunk_alone_covers_is_its_answer_to_the_bit() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 1, 100)).astype(np.float32)
    blended = blend_all([(0, first), (70, second)], 100)
    np.testing.assert_array_equal(blended[:, :70], first[:, :70])
    np.testing.assert_array_equal(blended[:, 100:], second[:, 30:])


def test_two_chunks_cross_fade_without_a_step() -> None:
    ones, zeros = np.ones((1, 100), np.float32), np.zeros((1, 100), np.float32)
    faded = blend_all([(0, ones), (50, zeros)], 100)[0]
    assert (faded[:50] == 1).all()
    assert (faded[100:] == 0).all()
    steps = -np.diff(faded)
    assert (steps >= -1e-7).all()
    assert steps.max() < 0.05


def test_what_is_held_is_no_longer_than_a_chunk() -> None:
    blend = Blend(100)
    given_out = 0
    for start in range(0, 10_000, 30):
        given_out += blend.push(start, np.zeros((1, 100), np.float32)).shape[-1]
        assert given_out == start


def test_triangle_peaks_in_the_middle_and_is_never_zero() -> None:
    for length in (1, 2, 5, 8):
        weight = triangle(length)
        assert len(weight) == length
        assert weight.min() > 0
        assert weight.max() == 1
        np.testing.assert_array_equal(weight, weight[::-1])

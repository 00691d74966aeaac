"""Nulling, gain and the grid of integer formats."""

from __future__ import annotations

import numpy as np
import pytest

from unbraid.engine.finish import Depth, Mixdown, Output, common_gain, outputs, render, to_grid
from unbraid.engine.source import ArraySource
from unbraid.errors import UsageError
from unbraid.signal import Samples

STEMS = ("vocals", "drums", "bass", "other")


def song(scale: float = 0.3, depth: Depth | None = None, gain: float = 1.0, **kwargs: object) -> Mixdown:
    generator = np.random.default_rng(5)
    parts = {name: (scale * generator.standard_normal((2, 5000))).astype(np.float32) for name in STEMS}
    mix = sum(parts.values()) + (0.01 * generator.standard_normal((2, 5000))).astype(np.float32)
    files = outputs(STEMS, STEMS, None, residual=True)
    sources = {name: ArraySource(value) for name, value in parts.items()}
    return Mixdown(ArraySource(mix), sources, files, gain, depth)


def rendered(mixdown: Mixdown) -> dict[str, Samples]:
    return {file.name: np.concatenate(list(render(mixdown, file)), axis=1) for file in mixdown.files}


def test_float_stems_and_residual_null_below_minus_100_db() -> None:
    mixdown = song()
    mix = mixdown.mix.read(0, 5000).astype(np.float64)
    error = sum(each.astype(np.float64) for each in rendered(mixdown).values()) - mix
    assert 10 * np.log10(np.mean(error**2) / np.mean(mix**2)) < -120


@pytest.mark.parametrize("depth", [16, 24])
@pytest.mark.parametrize("gain", [1.0, 0.37])
def test_integer_stems_and_residual_null_bit_for_bit(depth: Depth, gain: float) -> None:
    mixdown = song(depth=depth, gain=gain, scale=0.1)
    files = rendered(mixdown)
    step = 2.0 ** (int(depth) - 1)
    integers = {name: np.rint(value.astype(np.float64) * step) for name, value in files.items()}
    for name, value in files.items():
        np.testing.assert_array_equal(integers[name], value.astype(np.float64) * step, err_msg=name)
    generator = np.random.default_rng([0, 0x5EED, 0])
    mix = to_grid(mixdown.mix.read(0, 5000), gain, depth, generator).astype(np.float64) * step
    np.testing.assert_array_equal(sum(integers.values()), mix)


def test_a_mix_of_24_bit_stays_as_it_was() -> None:
    mix = (np.random.default_rng(0).integers(-(2**23), 2**23, (2, 1000)) / 2**23).astype(np.float32)
    np.testing.assert_array_equal(to_grid(mix, 1.0, 24, np.random.default_rng(0)), mix)


def test_dither_is_a_triangle_of_one_step_and_spares_silence() -> None:
    tone = np.full((1, 200_000), 0.3 / 2**15, np.float32)
    steps = to_grid(tone, 1.0, 16, np.random.default_rng(0)).astype(np.float64) * 2**15
    assert steps.mean() == pytest.approx(0.3, abs=0.01)
    assert (steps - 0.3).var() == pytest.approx(3 / 12, rel=0.03)
    assert not to_grid(np.zeros((1, 100), np.float32), 1.0, 16, np.random.default_rng(0)).any()


def test_two_stems_are_each_others_complement() -> None:
    files = outputs(STEMS, STEMS, "vocals", residual=False)
    assert files == [Output("vocals", 0, {"vocals": 1}), Output("no_vocals", 1, {"vocals": -1})]
    base = song()
    with_residual = outputs(STEMS, STEMS, "vocals", residual=True)
    done = rendered(Mixdown(base.mix, base.stems, with_residual))
    np.testing.assert_allclose(done["vocals"] + done["no_vocals"], base.mix.read(0, 5000), atol=1e-6)
    assert not done["residual"].any()


def test_the_residual_of_some_stems_is_all_the_rest() -> None:
    base = song()
    done = rendered(Mixdown(base.mix, base.stems, outputs(STEMS, ("vocals",), None, residual=True)))
    np.testing.assert_allclose(done["residual"], base.mix.read(0, 5000) - done["vocals"], atol=1e-6)


def test_an_unknown_stem_is_named() -> None:
    with pytest.raises(UsageError, match=r"no stem is called piano; this model has vocals, drums, bass, other"):
        outputs(STEMS, ("piano",), None, residual=False)


def test_the_common_gain_acts_only_where_something_would_clip() -> None:
    assert common_gain(0.9, "common", 24) == 1.0
    assert common_gain(3.0, "common", "float32") == 1.0
    assert common_gain(3.0, "none", 24) == 1.0
    assert common_gain(0.0, "common", 24) == 1.0
    for depth in (16, 24, None):
        gain = common_gain(2.0, "common", depth)
        assert 2.0 * gain < 1.0
        assert gain == pytest.approx(0.5, abs=1e-3)

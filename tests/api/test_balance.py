"""Channels that are not as a net knows them: it hears an ordinary song, and the stems are the song's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.api.conftest import noise
from unbraid.api import Model, load
from unbraid.api.balance import balance_of
from unbraid.engine.contract import Separated
from unbraid.engine.refine import Member
from unbraid.engine.source import ArraySource
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.zoo.load import Loaded

RATE = 44_100
SPEC = Spec("ears", RATE, 2, ("middle", "side"), 1 << 16, scale_equivariant=True, silence_exact=True, balanced=True)


class Ears:
    """Takes the middle apart from the sides, and remembers what it has heard."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.heard = spec, list[Samples]()

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        self.heard.append(mix)
        middle = np.repeat(mix.mean(1, keepdims=True), 2, axis=1)
        return Separated(np.stack([middle, mix - middle], 1))


def apart(song: Samples, rate: int = RATE, spec: Spec = SPEC) -> tuple[dict[str, Samples], Samples]:
    """The stems of ``song``, and what was heard of it."""
    ears = Ears(spec)
    model = Model(Loaded("ears", (Member(ears, (1.0, 1.0)),), identity="", runtime="onnx"))
    stems = model.separate(song, rate, overlap=0.0)
    return dict(stems), np.concatenate([chunk[0] for chunk in ears.heard], axis=1)


def ordinary() -> Samples:
    """A loud middle and quieter sides."""
    return np.asarray(noise(0.5, channels=1) + 0.3 * noise(0.5, seed=1), np.float32)


def test_an_ordinary_song_is_heard_as_it_is() -> None:
    song = ordinary()
    assert balance_of(SPEC, ArraySource(song)) is None
    stems, heard = apart(song)
    np.testing.assert_array_equal(heard[:, : song.shape[1]], song)
    np.testing.assert_allclose(stems["middle"] + stems["side"], song, atol=1e-6)


@pytest.mark.parametrize("rate", [RATE, 48_000])
@pytest.mark.parametrize(
    "matrix", [np.diag([1, -1]), np.diag([1, 0.1]), np.diag([-0.3, 1])], ids=["inverted", "quieter", "both"]
)
def test_stems_are_those_of_the_ordinary_song_with_the_same_done_to_them(matrix: Samples, rate: int) -> None:
    song, matrix = ordinary(), matrix.astype(np.float32)
    usual, _ = apart(song, rate)
    stems, _ = apart(matrix @ song, rate)
    for name in usual:
        np.testing.assert_allclose(stems[name], matrix @ usual[name], atol=0.02, err_msg=name)
    np.testing.assert_allclose(sum(stems.values()), matrix @ sum(usual.values()), atol=1e-5)


@pytest.mark.parametrize("live", [0, 1])
def test_one_channel_alone_is_heard_as_mono_and_stays_alone(live: int) -> None:
    song = np.zeros((2, 20_000), np.float32)
    song[live] = noise(1.0, 20_000, 1)[0]
    stems, heard = apart(song)
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_allclose(stems["middle"], song, atol=1e-6)
    assert not stems["side"].any() and not stems["middle"][1 - live].any()


def test_a_channel_of_hiss_alone_is_none() -> None:
    song = noise(0.5)
    song[1] *= 1e-4
    _, heard = apart(song)
    np.testing.assert_array_equal(heard[0], heard[1])


def test_mono_twice_gives_mono_twice() -> None:
    """Whatever a net makes of equal channels, they are equal in the song."""

    class Crooked(Ears):
        def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
            lean = np.array([0.6, 0.4], np.float32)[None, None, :, None]
            return Separated(np.concatenate([mix[:, None] * lean, mix[:, None] * (1 - lean)], 1))

    song = np.repeat(noise(0.5, channels=1), 2, axis=0)
    model = Model(Loaded("ears", (Member(Crooked(SPEC), (1.0, 1.0)),), identity="", runtime="onnx"))
    stems = model.separate(song, RATE)
    for stem in stems.values():
        np.testing.assert_array_equal(stem[0], stem[1])
    np.testing.assert_allclose(sum(stems.values()), song, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [0, 1, 5000])
def test_silence_and_mono_have_no_balance(channels: int, length: int) -> None:
    assert balance_of(SPEC, ArraySource(np.zeros((channels, length), np.float32))) is None
    assert balance_of(SPEC, ArraySource(np.ones((1, length), np.float32))) is None


def test_other_nets_hear_songs_as_they_are() -> None:
    song = np.diag([1, -1]).astype(np.float32) @ ordinary()
    _, heard = apart(song, spec=replace(SPEC, balanced=False))
    np.testing.assert_array_equal(heard[:, : song.shape[1]], song)


def test_the_bundled_model_is_balanced() -> None:
    bundled = load("compact")
    assert bundled.spec.balanced
    song = ordinary()
    turned = np.diag([1, -1]).astype(np.float32)
    usual, stems = bundled.separate(song, RATE), bundled.separate(turned @ song, RATE)
    for name in usual:
        np.testing.assert_allclose(stems[name], turned @ usual[name], atol=1e-6)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.api.conftest import noise
from tests.api.fakes import ASKED, SHARES, pair
from unbraid.api import Model, load
from unbraid.api.asking import plan_asking
from unbraid.api.presence import of_level
from unbraid.api.slug import slug
from unbraid.errors import ModelError, UsageError
from unbraid.signal import Samples

STEMS = tuple(SHARES)


def separate(samples: Samples, model: Model | None = None, rate: int = 44100, **asks: Any) -> Any:
    return (model or pair()).separate(samples, rate, **asks)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The harp!", "the_harp"),
        ("six-string", "six_string"),
        ("../../etc", "etc"),
        ("🎸", "sound"),
        ("Gitárre 2", "gitárre_2"),
    ],
)
def test_names_of_asked_sounds(text: str, name: str) -> None:
    assert slug(text) == name


def test_no_name_is_longer_than_a_file_system_takes() -> None:
    assert len(slug("drums " * 2000).encode()) < 200
    assert len(slug("鼓" * 500).encode()) < 200


def test_an_asked_stem_has_its_own_entry_beside_the_stem() -> None:
    samples = noise(0.4)
    taken = separate(samples, ask=["drums", "the drums", "the drums"])
    assert list(taken) == [*STEMS, "drums_asked", "the_drums"]
    np.testing.assert_array_equal(taken["drums_asked"], taken["drums"])
    np.testing.assert_array_equal(taken["the_drums"], taken["drums"])
    assert taken.routes["the_drums"].kind == "stem"
    assert set(taken.presence) == {"drums_asked", "the_drums"}


def test_an_asked_stem_needs_not_be_among_the_wanted() -> None:
    taken = separate(noise(0.4), stems=["vocals"], ask=["drums"])
    assert list(taken) == ["vocals", "drums"]


def test_sums_and_complements() -> None:
    samples = noise(0.4)
    taken = separate(samples, ask=["drums and bass", "everything but the vocals"], without=["drums"])
    np.testing.assert_allclose(taken["drums_and_bass"], 0.5 * samples, atol=1e-6)
    np.testing.assert_allclose(taken["everything_but_the_vocals"], 0.9 * samples, atol=1e-6)
    np.testing.assert_allclose(taken["no_drums"], 0.8 * samples, atol=1e-6)


def test_the_rest_is_what_was_not_asked_for() -> None:
    samples = noise(0.4)
    taken = separate(samples, ask=["drums", "the snare", "the bass and the drums"], rest=True)
    np.testing.assert_allclose(taken["rest"], 0.5 * samples, atol=1e-6)


@pytest.mark.parametrize("asks", [{}, {"without": ["drums"]}, {"ask": ["everything but the drums"]}])
def test_a_rest_of_nothing_is_refused(asks: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="--rest"):
        separate(noise(0.1), rest=True, **asks)


def test_what_cannot_have_a_rest_is_named() -> None:
    with pytest.raises(UsageError, match="'everything but the drums' is most of the mix"):
        separate(noise(0.1), rest=True, ask=["the snare", "everything but the drums"])


def test_questions_go_to_the_second_separator_and_hear_their_stem() -> None:
    """A tone that both rates hold survives resampling, so the shares can be told."""
    time = np.arange(44100) / 44100
    samples = np.tile((0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), (2, 1))
    taken = separate(samples, ask=["the snare", "the harp", "a dog barking"])
    inner = slice(4000, -4000)
    for name, share in (("the_snare", SHARES["drums"]), ("the_harp", SHARES["other"]), ("a_dog_barking", 1.0)):
        np.testing.assert_allclose(taken[name][:, inner], ASKED * share * samples[:, inner], atol=2e-3)
        assert taken[name].shape == samples.shape
    assert [taken.routes[name].kind for name in ("the_snare", "the_harp", "a_dog_barking")] == ["part", "part", "mix"]


def test_stems_are_bit_equal_with_and_without_words() -> None:
    samples = noise(0.7)
    plain, asked = separate(samples), separate(samples, ask=["the snare", "drums", "a dog barking"])
    for name in STEMS:
        np.testing.assert_array_equal(plain[name], asked[name])


def test_questions_of_one_stem_are_one_question_and_one_pass() -> None:
    plan = plan_asking(STEMS, STEMS, ask=["kick and snare", "the harp"], without=["the harp"])
    assert [(question.text, question.stem) for question in plan.questions] == [
        ("kick and snare", "drums"),
        ("the harp", "other"),
    ]
    assert [output.name for output in plan.outputs] == ["kick_and_snare", "the_harp", "no_the_harp"]


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_shapes(rate: int, channels: int, seconds: float) -> None:
    samples = noise(seconds, rate, channels)
    taken = separate(samples, rate=rate, ask=["the snare", "low end"], without=["vocals"], rest=True)
    assert {each.shape for each in taken.values()} == {samples.shape} and taken.rate == rate


def test_silence_is_absent() -> None:
    taken = separate(np.zeros((2, 9000), np.float32), ask=["drums", "the snare", "everything but the bass"])
    assert not any(each.any() for each in taken.values())
    assert set(taken.presence.values()) == {0.0}


def test_a_song_of_no_samples() -> None:
    taken = separate(np.zeros((2, 0), np.float32), ask=["drums"])
    assert taken["drums_asked"].shape == (2, 0)


@pytest.mark.parametrize("text", ["", "  ", "🎸"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        separate(noise(0.1), ask=[text])


def test_a_part_is_refused_where_nothing_can_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("unbraid.api.asker.home", lambda: tmp_path)
    monkeypatch.setattr("unbraid.api.asker.words_facts", lambda facts: None)
    with pytest.raises(ModelError, match="whole stems"):
        Model(pair().loaded).separate(noise(0.1), 44100, ask=["the snare"])


def test_the_bundled_model_answers_whole_stems() -> None:
    model, samples = load(), noise(0.1)
    plain, asked = model.separate(samples, 44100), model.separate(samples, 44100, ask=["the singer", "no drums"])
    for name in STEMS:
        np.testing.assert_array_equal(plain[name], asked[name])
    np.testing.assert_array_equal(asked["the_singer"], asked["vocals"])
    np.testing.assert_allclose(asked["no_drums"] + asked["drums"], samples, atol=1e-6)


def test_presence_by_level() -> None:
    assert of_level(0, 1) == 0
    assert of_level(1, 1) > 0.99
    assert of_level(1e-3, 1) == pytest.approx(0.5)
    assert of_level(1e-5, 1) < 0.05

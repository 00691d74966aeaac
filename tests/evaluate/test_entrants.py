"""A model is scored through the engine that its users run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluate.songs import noise
from tests.runtime.graphs import write_graph
from unbraid.errors import UnbraidError
from unbraid.evaluate.entrants import model
from unbraid.evaluate.song import Song


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write_graph(tmp_path, "mask").with_suffix(".onnx")


def test_a_model_hears_the_mixture_at_the_songs_rate(toy: Path) -> None:
    mixture = noise(1, channels=2)
    song = Song("song", 44100, mixture, {"vocals": mixture})
    entrant = model(str(toy))
    answer = entrant.estimate(song)
    np.testing.assert_allclose(answer["vocals"], 0.25 * mixture, atol=1e-5)
    assert not entrant.bound
    assert entrant.trained_on_test == ""


def test_its_identity_changes_with_weights_and_options(toy: Path, tmp_path: Path) -> None:
    identities = {model(str(toy)).identity, model(str(toy), overlap=0.5).identity, model(str(toy), shifts=1).identity}
    (tmp_path / "other").mkdir()
    other = write_graph(tmp_path / "other", "mask", {"vocals": 0.5, "rest": 0.5}).with_suffix(".onnx")
    identities.add(model(str(other)).identity)
    assert len(identities) == 4


def test_a_model_that_says_it_saw_the_test_set_is_flagged(tmp_path: Path) -> None:
    graph = write_graph(tmp_path, "mask", trained_on_test="the MUSDB18 test set").with_suffix(".onnx")
    assert model(str(graph)).trained_on_test == "the MUSDB18 test set"


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnbraidError, match="no such model"):
        model("no such model")


def test_words_are_asked_of_the_model_and_told_apart(toy: Path) -> None:
    mixture = noise(1, channels=2)
    entrant = model(str(toy))
    assert entrant.ask is not None
    words = ["the singer", "everything but the vocals", "the singer"]
    answer = entrant.ask(Song("song", 44100, mixture, {"vocals": mixture}), words)
    np.testing.assert_allclose(answer["the singer"], 0.25 * mixture, atol=1e-5)
    np.testing.assert_allclose(answer["everything but the vocals"], 0.75 * mixture, atol=1e-5)

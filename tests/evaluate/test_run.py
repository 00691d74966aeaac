"""A run over songs: it resumes, it goes on after a broken song, and the number of jobs does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.evaluate.songs import noise, write_folder
from unbraid.errors import Cancelled, UsageError
from unbraid.evaluate.dataset import Track, find_tracks
from unbraid.evaluate.entrants import Entrant, separator
from unbraid.evaluate.run import Evaluation, Step, evaluate
from unbraid.signal import Samples


@pytest.fixture
def tracks(tmp_path: Path) -> list[Track]:
    for seed, name in enumerate(("first", "second", "third")):
        sounds = {"vocals": noise(seed), "other": noise(10 + seed)}
        write_folder(tmp_path / "songs" / name, sounds)
    return find_tracks(tmp_path / "songs")


class Half:
    """Gives half the mixture for each stem and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, mixture: Samples, rate: int) -> Mapping[str, Samples]:
        self.calls += 1
        return {"vocals": mixture / 2, "other": mixture / 2}


def half(identity: str = "1") -> tuple[Half, Entrant]:
    separate = Half()
    return separate, separator("half", identity, separate)


def figures(evaluation: Evaluation) -> dict[tuple[str, str], object]:
    return {key: scores.stems for key, scores in evaluation.scores.items()}


def test_a_stopped_run_goes_on_where_it_was(tracks: list[Track], tmp_path: Path) -> None:
    separate, entrant = half()
    with pytest.raises(Cancelled):
        evaluate(tracks, [entrant], tmp_path / "scores", stop_asked=lambda: separate.calls == 2)
    assert separate.calls == 2
    again, entrant = half()
    resumed = evaluate(tracks, [entrant], tmp_path / "scores")
    assert again.calls == 1
    assert figures(resumed) == figures(evaluate(tracks, [entrant], tmp_path / "elsewhere"))


def test_a_crash_leaves_whole_scores_only(tracks: list[Track], tmp_path: Path) -> None:
    separate, _ = half()

    def crash_on_the_second(mixture: Samples, rate: int) -> Mapping[str, Samples]:
        if separate.calls == 1:
            raise MemoryError
        return separate(mixture, rate)

    with pytest.raises(MemoryError):
        evaluate(tracks, [separator("half", "1", crash_on_the_second)], tmp_path / "scores")
    again, entrant = half()
    evaluate(tracks, [entrant], tmp_path / "scores")
    assert again.calls == 2


def test_another_model_another_song_and_damaged_scores_are_done_again(tracks: list[Track], tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    evaluate(tracks, [half()[1]], scores)
    changed, entrant = half(identity="2")
    evaluate(tracks, [entrant], scores)
    assert changed.calls == 3
    stored = sorted(scores.rglob("*.json"))
    stored[0].write_bytes(stored[0].read_bytes()[:40])
    written = tracks[1].everything[0].path
    written.write_bytes(written.read_bytes()[:-400])
    again, entrant = half(identity="2")
    evaluate(tracks, [entrant], scores)
    assert again.calls == 2


def test_the_number_of_jobs_does_not_show_in_the_figures(tracks: list[Track], tmp_path: Path) -> None:
    one = evaluate(tracks, [half()[1]], tmp_path / "one", jobs=1)
    three = evaluate(tracks, [half()[1]], tmp_path / "three", jobs=3)
    assert figures(one) == figures(three)


def test_a_song_that_fails_is_named_and_the_rest_goes_on(tracks: list[Track], tmp_path: Path) -> None:
    tracks[1].everything[0].path.write_bytes(b"RIFF")
    steps: list[Step] = []
    evaluation = evaluate(tracks, [half()[1]], tmp_path / "scores", on_step=steps.append)
    assert set(evaluation.failed) == {("half", "second")}
    assert "other.wav" in evaluation.failed["half", "second"] or "vocals.wav" in evaluation.failed["half", "second"]
    assert set(evaluation.scores) == {("half", "first"), ("half", "third")}
    assert [(step.done, step.of, bool(step.error)) for step in steps] == [(1, 3, False), (2, 3, True), (3, 3, False)]


def test_words_are_asked_only_of_songs_that_have_them(tmp_path: Path, tracks: list[Track]) -> None:
    asked: list[list[str]] = []

    def ask(mixture: Samples, rate: int, words: Sequence[str]) -> Mapping[str, Samples]:
        asked.append(list(words))
        return dict.fromkeys(asked[-1], mixture)

    entrant = separator("half", "1", Half(), ask)
    first, *others = tracks
    labelled = Track(first.name, None, first.stems, first.everything, {"snare": first.everything[:1]})
    evaluation = evaluate([labelled, *others], [entrant], tmp_path / "scores", words=["snare", "harp"])
    assert asked == [["snare"]]
    assert set(evaluation.scores["half", "first"].asked) == {"snare"}


def test_two_models_or_songs_of_one_name_are_refused(tracks: list[Track], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model half"):
        evaluate(tracks, [half()[1], half()[1]], tmp_path)
    with pytest.raises(UsageError, match="song first"):
        evaluate([*tracks, tracks[0]], [half()[1]], tmp_path)


@pytest.mark.parametrize("name", ["AC/DC: T.N.T.", "ü" * 300, "con?", "a.b"])
def test_any_name_can_be_stored_and_found(name: str, tracks: list[Track], tmp_path: Path) -> None:
    track = Track(name, None, tracks[0].stems, tracks[0].everything)
    for calls in (1, 0):
        separate = Half()
        evaluate([track], [separator(name, "1", separate)], tmp_path / "scores")
        assert separate.calls == calls

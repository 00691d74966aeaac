"""Which stems are compared, and what a song's figures are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.songs import RATE, STEMS, noise
from unbraid.errors import UsageError
from unbraid.evaluate.score import MEASURES, score_asked, score_stems
from unbraid.evaluate.song import Song
from unbraid.metrics.bss_eval import bss_eval, median_over_frames
from unbraid.metrics.usdr import usdr
from unbraid.signal import Samples


def song_of(stems: dict[str, Samples], mixture: Samples | None = None, **sounds: Samples) -> Song:
    total = np.sum(list(stems.values()), axis=0)
    return Song("song", RATE, total if mixture is None else mixture, stems, sounds)


def four_stems(seconds: float = 1.2) -> dict[str, Samples]:
    return {stem: noise(seed, seconds) for seed, stem in enumerate(STEMS)}


def leaky(stems: dict[str, Samples], leak: float = 0.1) -> dict[str, Samples]:
    mixture = sum(stems.values())
    return {stem: (samples + leak * mixture).astype(np.float32) for stem, samples in stems.items()}


def test_the_figures_are_those_of_the_metrics() -> None:
    stems = four_stems(seconds=2.2)
    answers = leaky(stems)
    scores = score_stems(song_of(stems), answers)
    ratios = bss_eval(np.stack(list(stems.values())), np.stack(list(answers.values())), RATE)
    for index, stem in enumerate(STEMS):
        figures = scores.stems[stem]
        assert list(figures) == list(MEASURES)
        for measure, ratio in zip(("sdr", "isr", "sir", "sar"), ratios, strict=True):
            assert figures[measure] == pytest.approx(median_over_frames(ratio)[index], abs=1e-4)
        assert figures["usdr"] == pytest.approx(usdr(stems[stem], answers[stem]), abs=1e-4)
    assert not scores.left_out


def test_guitar_and_piano_are_a_part_of_other_for_a_truth_of_four_stems() -> None:
    stems = four_stems()
    guitar, piano = 0.5 * stems["other"], noise(8, level=0.03)
    answers = {**stems, "other": stems["other"] - guitar - piano, "guitar": guitar, "piano": piano}
    scores = score_stems(song_of(stems), answers)
    assert set(scores.stems) == set(STEMS)
    assert scores.stems["other"]["usdr"] > 60


def test_and_the_other_way_round() -> None:
    stems = four_stems()
    finer = {**stems, "guitar": noise(8)}
    answers = {**stems, "other": stems["other"] + finer["guitar"]}
    scores = score_stems(song_of(finer), answers)
    assert set(scores.stems) == set(STEMS)
    assert scores.stems["other"]["usdr"] > 60


def test_a_missing_stem_is_named_and_costs_the_others_nothing() -> None:
    stems = four_stems()
    mixture = np.sum(list(stems.values()), axis=0)
    answers = leaky(stems)
    known = {stem: samples for stem, samples in stems.items() if stem != "bass"}
    scores = score_stems(song_of(known, mixture), answers)
    complete = score_stems(song_of(stems), answers)
    assert scores.left_out == {"bass": "missing in the data"}
    for stem in known:
        # The missing stem is the rest of the mixture, so all four sources are still there.
        assert scores.stems[stem] == pytest.approx(complete.stems[stem], abs=1e-2)


def test_a_model_of_one_stem_is_scored_against_the_rest() -> None:
    stems = four_stems()
    scores = score_stems(song_of(stems), {"vocals": leaky(stems)["vocals"]})
    assert set(scores.stems) == {"vocals"}
    assert scores.stems["vocals"]["sir"] == pytest.approx(10 * np.log10(1.21 / 0.03), abs=1)
    assert not scores.left_out


def test_a_stem_that_is_silent_in_the_song_is_left_out() -> None:
    stems = four_stems() | {"vocals": np.zeros_like(noise(0))}
    scores = score_stems(song_of(stems), leaky(stems))
    assert set(scores.stems) == {"drums", "bass", "other"}
    assert scores.left_out == {"vocals": "silent in the data"}
    assert all(value is not None for figures in scores.stems.values() for value in figures.values())


def test_a_silent_answer_has_a_whole_song_figure_and_no_frames() -> None:
    stems = four_stems()
    answers = leaky(stems) | {"drums": np.zeros_like(stems["drums"])}
    scores = score_stems(song_of(stems), answers)
    assert scores.stems["drums"]["usdr"] == pytest.approx(0, abs=1e-3)
    assert scores.stems["drums"]["sdr"] is None
    assert scores.stems["vocals"]["sdr"] is not None
    assert "silent in the estimate" in scores.left_out["drums"]


def test_a_perfect_answer_has_no_finite_sdr_but_a_whole_song_figure() -> None:
    stems = four_stems()
    figures = score_stems(song_of(stems), stems).stems["vocals"]
    assert figures["sdr"] is None
    assert figures["usdr"] > 80


def test_asked_sounds_are_compared_with_their_parts_and_with_the_mixture() -> None:
    stems = four_stems()
    snare = 0.5 * stems["drums"]
    song = song_of(stems, snare=snare)
    scores = score_asked(song, {"snare": snare + 0.1 * stems["bass"], "harp": noise(9)})
    assert scores.left_out == {"harp": "not in this song"}
    figures = scores.asked["snare"]
    assert figures["usdr"] == pytest.approx(14, abs=0.5)
    mixture = score_asked(song, {"snare": song.mixture}).asked["snare"]
    assert mixture["usdr_improvement"] == mixture["si_sdr_improvement"] == 0
    assert figures["usdr_improvement"] == pytest.approx(figures["usdr"] - mixture["usdr"], abs=1e-4)


def test_an_answer_of_another_length_is_refused() -> None:
    stems = four_stems()
    with pytest.raises(UsageError, match="vocals has shape"):
        score_stems(song_of(stems), {"vocals": stems["vocals"][:, 1:]})

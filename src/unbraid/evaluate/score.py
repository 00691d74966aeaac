"""One song, one entrant: figures for each stem, and why a stem has none.

Which stems are compared. Guitar and piano count as a part of other where only one side tells them apart: an
estimate of six stems is folded for a truth of four, and the other way round (a model of six stems scored
without that has an "other" near 0 dB). A stem is left out, by name and reason, if its truth is missing or silent.

BSS-Eval asks for all sources of a song, since interference is what other sources explain. Where a stem is missing
in the truth or is not among the model's, one more pair joins: mixture minus the known stems, and mixture minus
their estimates; its own figures are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unbraid.data.tracks.found import STEMS
from unbraid.errors import UsageError
from unbraid.evaluate.dataset import FINER_STEMS
from unbraid.evaluate.song import Song
from unbraid.metrics.bss_eval import bss_eval, median_over_frames
from unbraid.metrics.si_sdr import si_sdr, si_sdr_improvement
from unbraid.metrics.usdr import usdr, usdr_improvement
from unbraid.metrics.validate import is_silent
from unbraid.signal import Samples

MEASURES = ("sdr", "isr", "sir", "sar", "usdr", "si_sdr")
ASKED_MEASURES = ("usdr", "usdr_improvement", "si_sdr", "si_sdr_improvement")

Figures = dict[str, dict[str, float | None]]
"""Stem -> measure -> dB; None where a measure has no finite value."""

_NOTHING_DB = -60.0


@dataclass(frozen=True)
class Scores:
    """stems and asked: the figures. left_out: stem or word -> why it has none."""

    stems: Figures
    asked: Figures = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def score_stems(song: Song, estimates: Mapping[str, Samples]) -> Scores:
    """The figures of ``estimates`` (stem -> samples of the mixture's shape) for the stems that ``song`` knows."""
    for name, samples in estimates.items():
        if samples.shape != song.mixture.shape:
            raise UsageError(
                f"{name} has shape {samples.shape} and its mixture {song.mixture.shape}; they must be alike"
            )
    truth, answers = _folded(song.stems, estimates), _folded(estimates, song.stems)
    left_out = {stem: "missing in the data" for stem in answers if stem not in truth}
    left_out |= {stem: "silent in the data" for stem in truth if stem in answers and is_silent(truth[stem])}
    scored = [stem for stem in truth if stem in answers and stem not in left_out]
    figures: Figures = {stem: _song_figures(truth[stem], answers[stem]) for stem in scored}
    left_out |= {
        stem: "silent in the estimate, so BSS-Eval is not defined" for stem in scored if is_silent(answers[stem])
    }
    heard = [stem for stem in scored if not is_silent(answers[stem])]
    if heard:
        complete = set(STEMS) <= truth.keys() <= answers.keys() and heard == scored
        for stem, ratios in _frame_figures(song, heard, truth, answers, complete).items():
            figures[stem] |= ratios
    return Scores(figures, left_out=left_out)


def score_asked(song: Song, answers: Mapping[str, Samples]) -> Scores:
    """The figures of sounds asked for in words: distances to the labelled parts, and the gain over the mixture."""
    figures: Figures = {}
    left_out: dict[str, str] = {}
    for word, answer in answers.items():
        truth = song.sounds.get(word)
        if truth is None or is_silent(truth):
            left_out[word] = "not in this song"
            continue
        values = (
            usdr(truth, answer),
            usdr_improvement(truth, answer, song.mixture),
            si_sdr(truth, answer),
            si_sdr_improvement(truth, answer, song.mixture),
        )
        figures[word] = dict(zip(ASKED_MEASURES, map(_finite, values), strict=True))
    return Scores({}, figures, left_out)


def _folded(stems: Mapping[str, Samples], against: Mapping[str, Samples]) -> dict[str, Samples]:
    """``stems`` with guitar and piano added to other where ``against`` does not tell them apart."""
    extra = [stem for stem in FINER_STEMS if stem in stems and stem not in against]
    if not extra or "other" not in stems:
        return dict(stems)
    kept = {stem: samples for stem, samples in stems.items() if stem not in extra}
    kept["other"] = np.sum([stems[stem] for stem in ("other", *extra)], axis=0, dtype=np.float32)
    return kept


def _song_figures(truth: Samples, answer: Samples) -> dict[str, float | None]:
    silent: dict[str, float | None] = dict.fromkeys(MEASURES)
    return silent | {"usdr": _finite(usdr(truth, answer)), "si_sdr": _finite(si_sdr(truth, answer))}


def _frame_figures(
    song: Song, stems: list[str], truth: Mapping[str, Samples], answers: Mapping[str, Samples], complete: bool
) -> Figures:
    references, estimates = [truth[stem] for stem in stems], [answers[stem] for stem in stems]
    if not complete:
        rest = (song.mixture - np.sum(references, axis=0), song.mixture - np.sum(estimates, axis=0))
        if all(_audible(part, song.mixture) for part in rest):
            references.append(rest[0])
            estimates.append(rest[1])
    ratios = bss_eval(references, estimates, window=song.rate)
    medians = np.array([median_over_frames(ratio) for ratio in ratios])
    return {
        stem: dict(zip(MEASURES[:4], map(_finite, medians[:, index]), strict=True)) for index, stem in enumerate(stems)
    }


def _audible(part: Samples, mixture: Samples) -> bool:
    floor = 10 ** (_NOTHING_DB / 10) * float(np.mean(np.square(mixture), dtype=np.float64))
    return not is_silent(part) and float(np.mean(np.square(part), dtype=np.float64)) > floor


def _finite(decibels: float) -> float | None:
    return round(float(decibels), 5) if math.isfinite(decibels) else None

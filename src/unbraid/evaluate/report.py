"""An evaluation as numbers and tables: JSON, CSV, Markdown. Every table says which figure it shows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from unbraid.data.tracks.found import STEMS
from unbraid.evaluate.dataset import FINER_STEMS
from unbraid.evaluate.entrants import Entrant
from unbraid.evaluate.run import Evaluation
from unbraid.evaluate.score import ASKED_MEASURES, MEASURES, Figures

CONVENTIONS = (
    "sdr, isr, sir, sar: BSS-Eval 4 as museval computes it, median over frames of 1 s. usdr: whole-song SDR of the "
    "Music Demixing challenges. si_sdr: scale-invariant SDR. median and mean: over songs. In dB; null where undefined."
)
_HEADINGS = {"sdr": "SDR", "isr": "ISR", "sir": "SIR", "sar": "SAR", "usdr": "uSDR", "si_sdr": "SI-SDR"}


def to_dict(evaluation: Evaluation, data: str) -> dict[str, Any]:
    """``{"models": {MODEL: {"songs": {SONG: {STEM: figures}}, "median": {STEM: figures}, "mean": ...}}}`` and facts.

    A model that was asked for words has ``asked`` with the same three keys; ``left_out`` says which stem of which song
    has no figures and why, ``failed`` which song has none at all.
    """
    return {
        "format": 1,
        "data": data,
        "songs": len(evaluation.songs),
        "conventions": CONVENTIONS,
        "models": {entrant.name: _model(evaluation, entrant) for entrant in evaluation.entrants},
    }


def to_json(evaluation: Evaluation, data: str) -> str:
    return json.dumps(to_dict(evaluation, data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(evaluation: Evaluation) -> str:
    """One line for each model, song and stem."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "song", "stem", *MEASURES])
    for entrant in evaluation.entrants:
        for song, figures in _songs(evaluation, entrant).items():
            for stem in sorted(figures, key=_order):
                writer.writerow([entrant.name, song, stem, *(figures[stem][measure] for measure in MEASURES)])
    return text.getvalue()


def to_markdown(evaluation: Evaluation, data: str) -> str:
    """The tables that papers print, what to know about them, and every measure by stem."""
    models = {entrant.name: _model(evaluation, entrant) for entrant in evaluation.entrants}
    stems = sorted({stem for model in models.values() for stem in model["median"]}, key=_order)
    marks = {entrant.name: _marked(entrant) for entrant in evaluation.entrants}
    parts = [
        f"{len(evaluation.songs)} songs of `{data}`.",
        "**SDR** in dB (BSS-Eval 4 as museval: median over 1 s frames, then median over songs):",
        _by_stem(models, marks, stems, "median", "sdr"),
        "**uSDR** in dB (whole song, mean over songs; not comparable with the figures above):",
        _by_stem(models, marks, stems, "mean", "usdr"),
        "All measures in dB, median over songs:",
        _all_measures(models, marks),
        *_asked_tables(models, marks),
        *_remarks(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def songs_with(evaluation: Evaluation, entrant: Entrant, stem: str, measure: str) -> list[float]:
    """The values of one measure over all songs that have it."""
    values = (figures.get(stem, {}).get(measure) for figures in _songs(evaluation, entrant).values())
    return [value for value in values if value is not None]


def stems_of(evaluation: Evaluation) -> list[str]:
    """All stems that have figures, in the usual order."""
    return sorted({stem for scores in evaluation.scores.values() for stem in scores.stems}, key=_order)


def _songs(evaluation: Evaluation, entrant: Entrant) -> dict[str, Figures]:
    found = ((song, evaluation.scores.get((entrant.name, song))) for song in evaluation.songs)
    return {song: scores.stems for song, scores in found if scores is not None}


def _model(evaluation: Evaluation, entrant: Entrant) -> dict[str, Any]:
    songs = _songs(evaluation, entrant)
    told: dict[str, Any] = {"songs": songs, **_over_songs(songs.values(), MEASURES)}
    scores = {song: evaluation.scores[entrant.name, song] for song in songs}
    asked = {song: each.asked for song, each in scores.items() if each.asked}
    if asked:
        told["asked"] = {"songs": asked, **_over_songs(asked.values(), ASKED_MEASURES)}
    told["bound"] = entrant.bound
    told["trained_on_test"] = entrant.trained_on_test
    told["left_out"] = {song: each.left_out for song, each in scores.items() if each.left_out}
    told["failed"] = {song: why for (name, song), why in evaluation.failed.items() if name == entrant.name}
    return told


def _over_songs(songs: Iterable[Figures], measures: Sequence[str]) -> dict[str, Figures]:
    every = list(songs)
    result: dict[str, Figures] = {"median": {}, "mean": {}}
    for stem in sorted({stem for figures in every for stem in figures}, key=_order):
        for measure in measures:
            values = [figures[stem][measure] for figures in every if stem in figures]
            finite = [value for value in values if value is not None]
            for how, average in (("median", np.median), ("mean", np.mean)):
                result[how].setdefault(stem, {})[measure] = round(float(average(finite)), 5) if finite else None
    return result


def _by_stem(models: dict[str, Any], marks: dict[str, str], stems: list[str], how: str, measure: str) -> str:
    rows = [["model", *stems, "mean of stems"]]
    for name, model in models.items():
        values = [model[how].get(stem, {}).get(measure) for stem in stems]
        present = [value for value in values if value is not None]
        average = float(np.mean(present)) if len(present) == len(stems) else None
        rows.append([marks[name], *map(_db, values), _db(average)])
    counts = [{sum(stem in song for song in model["songs"].values()) for model in models.values()} for stem in stems]
    rows.append(["songs", *("-".join(map(str, sorted(count))) for count in counts), ""])
    return _table(rows)


def _all_measures(models: dict[str, Any], marks: dict[str, str]) -> str:
    rows = [["model", "stem", *(_HEADINGS[measure] for measure in MEASURES)]]
    for name, model in models.items():
        for stem, figures in model["median"].items():
            rows.append([marks[name], stem, *(_db(figures[measure]) for measure in MEASURES)])
    return _table(rows)


def _asked_tables(models: dict[str, Any], marks: dict[str, str]) -> list[str]:
    rows = [["model", "words", "uSDR", "uSDR gain", "SI-SDR", "SI-SDR gain", "songs"]]
    for name, model in models.items():
        asked = model.get("asked", {"median": {}, "songs": {}})
        for word, figures in asked["median"].items():
            count = sum(word in song for song in asked["songs"].values())
            rows.append([marks[name], word, *(_db(figures[measure]) for measure in ASKED_MEASURES), str(count)])
    return (
        ["Sounds asked for in words, in dB, median over songs; gain is over the mixture:", _table(rows)]
        if rows[1:]
        else []
    )


def _remarks(evaluation: Evaluation) -> list[str]:
    lines = [
        f"† {entrant.name} was trained on {entrant.trained_on_test}: its figures on these songs say nothing."
        for entrant in evaluation.entrants
        if entrant.trained_on_test
    ]
    left_out: dict[tuple[str, str], set[str]] = {}
    for (_, song), scores in evaluation.scores.items():
        for reason in scores.left_out.items():
            left_out.setdefault(reason, set()).add(song)
    for (stem, why), songs in sorted(left_out.items()):
        lines.append(f"{stem} left out ({why}) in {len(songs)} of the songs: {', '.join(sorted(songs))}")
    lines += [f"{song}: {name} failed, {why}" for (name, song), why in sorted(evaluation.failed.items())]
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _marked(entrant: Entrant) -> str:
    return entrant.name + ("†" if entrant.trained_on_test else "") + (" (bound)" if entrant.bound else "")


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _db(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _order(stem: str) -> tuple[int, str]:
    usual = (*STEMS, *FINER_STEMS)
    return (usual.index(stem), "") if stem in usual else (len(usual), stem)

"""Writes docs/results.md: ``python -m bench.results DATA OUT [--tiny RUNS] [--ask TEXT]... [--jobs 2]``.

Scores the bundled net, the classical separator and the bounds on the songs of DATA through the function behind
``unbraid evaluate``, and puts the published figures of the big models beside them, marked as quoted. With ``--tiny``
the nets of the tiny recipes join (RUNS is what bench.tiny_recipes wrote), and the page is docs/results-tiny.md. Goes on
where it was stopped.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import replace
from pathlib import Path

from bench import classical
from bench.baseline import CLASSICAL_VERSION
from unbraid.evaluate import Entrant, Step, bounds, evaluate, find_tracks, model, separator, write_reports
from unbraid.evaluate.report import to_markdown

DOCS = Path(__file__).parent.parent / "docs"
HEAD = """# Results

Written by `python -m bench.results{given}` on {day}, through the same function as `unbraid evaluate`; any line of it
can be had with `unbraid evaluate DATA -m MODEL --bounds`. The songs are of the `test` split of our own studio
([data-sources.md](data-sources.md)): none of their fonts, kits, voices and scores was trained on.
**They are not MUSDB18: these figures must not be compared with the quoted ones below.**

"""
QUOTED = """
## Quoted, not measured here

Median SDR in dB (museval) on the test set of MUSDB18-HQ, from the papers and READMEs of their authors. None of
these weights was at hand.

| model | extra songs | vocals | drums | bass | other | mean |
|---|---|---|---|---|---|---|
| Open-Unmix umxhq | none | 6.25 | 6.04 | 5.07 | 4.28 | 5.41 |
| Spleeter (MUSDB18) | 25,000 | 6.86 | 6.71 | 5.51 | 4.55 | 5.91 |
| Conv-TasNet (MUSDB18) | none | 6.81 | 6.08 | 5.66 | 4.37 | 5.73 |
| Demucs v2 (MUSDB18) | 150 | 7.29 | 7.58 | 7.60 | 4.69 | 6.79 |
| Hybrid Demucs v3 | none | 8.35 | 8.12 | 8.43 | 5.65 | 7.64 |
| HTDemucs v4 | 800 | 8.93 | 10.05 | 9.78 | 6.42 | 8.80 |
| HTDemucs v4, fine-tuned | 800 | 9.20 | 10.08 | 10.39 | 6.32 | 9.00 |

`unbraid models list` says which of the official weights saw the test set of MUSDB18 in training.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tiny", type=Path, help="folder of runs of bench.tiny_recipes")
    parser.add_argument("--ask", action="append", default=[], metavar="TEXT")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    entrants = [model("compact"), *tiny(given.tiny, given.out / "graphs")]
    entrants += [separator("classical", CLASSICAL_VERSION, classical.separate), *bounds()]
    tracks, scores = find_tracks(given.data), given.out / "scores"
    evaluation = evaluate(tracks, entrants, scores, words=given.ask, jobs=given.jobs, on_step=_tell)
    name = "results-tiny" if given.tiny else "results"
    write_reports(evaluation, "test", json=given.out / "results.json", plot=DOCS / "pictures" / f"{name}.png")
    shown = f"\n![Box plot of the SDR of each model and stem](pictures/{name}.png)\n"
    day = datetime.date.today()
    page = (
        HEAD.format(day=day, given=" --tiny" if given.tiny else "")
        + to_markdown(evaluation, "the studio's test split")
        + shown
        + QUOTED
    )
    (DOCS / f"{name}.md").write_text(page, "utf-8")


def tiny(runs: Path | None, graphs: Path) -> list[Entrant]:
    """The nets of finished runs, under the names of their recipes; one that is asked has no stems to score."""
    from unbraid.train.export import export_run

    found = sorted(path.parent.parent for path in runs.glob("*/best/state.json")) if runs else []
    entrants = []
    for run in found:
        export_run(run, graphs / run.name)
        cards = graphs.joinpath(run.name).glob("*.onnx")
        entrants += [replace(model(str(card)), name=run.name) for card in cards]
    return entrants


def _tell(step: Step) -> None:
    print(f"{step.done}/{step.of} {step.song}: {step.entrant} {step.error}", file=sys.stderr)


if __name__ == "__main__":
    main()

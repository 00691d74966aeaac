"""What can be had without training: the classical separator and the bounds, scored as any model is.

    python -m bench.baseline DATA OUT [--jobs 1]

DATA is a folder of songs as for ``unbraid evaluate`` (bench.excerpt makes one). Writes OUT/baseline.json
and OUT/baseline.md, goes on where it was stopped, and prints the tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import classical
from bench.excerpt import write_excerpt
from unbraid.evaluate import Entrant, Step, bounds, evaluate, find_tracks, separator, write_reports
from unbraid.evaluate.report import to_markdown

CLASSICAL_VERSION = "1"


def entrants() -> list[Entrant]:
    return [separator("classical", CLASSICAL_VERSION, classical.separate), *bounds()]


def report() -> str:
    """The tables for the excerpt, for ``bench.write``."""
    with tempfile.TemporaryDirectory() as folder:
        tracks = find_tracks(write_excerpt(Path(folder, "songs")))
        return to_markdown(evaluate(tracks, entrants(), Path(folder, "scores")), "stempeg's excerpt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    evaluation = evaluate(find_tracks(given.data), entrants(), given.out / "scores", jobs=given.jobs, on_step=_tell)
    write_reports(evaluation, str(given.data), json=given.out / "baseline.json", markdown=given.out / "baseline.md")
    print((given.out / "baseline.md").read_text("utf-8"))


def _tell(step: Step) -> None:
    print(f"{step.done}/{step.of} {step.song}: {step.entrant} {step.error}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Held-out SDR of some states of a net: ``python -m bench.curve SONGS MODEL... [--split valid] [--seconds 15]``.

SONGS is a folder of songs with known stems (``unbraid studio``), or of such folders. MODEL is a name, or a graph that
``python -m unbraid.train.export`` or ``query_export`` made of a checkpoint: the runs' own figure, mean SDR over songs
of the middle of each (unbraid.train.validate), by the engine that users run, one line a model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import unbraid
from unbraid.data.tracks import Song, scan
from unbraid.train.validate import means, measurable

STEMS = ("vocals", "drums", "bass", "other")


def songs(root: Path, split: str) -> list[Song]:
    """The songs of a split of ``root``, or of each folder in it, that know their stems."""
    roots = [root] if (root / split).is_dir() else sorted(place for place in root.iterdir() if (place / split).is_dir())
    return measurable([song for place in roots for song in scan(place, split)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    chosen = songs(options.songs, options.split)
    print(f"{len(chosen)} songs of `{options.split}`, {options.seconds:g} s of each; mean SDR in dB\n")
    print(f"| model | {' | '.join(STEMS)} | mean |\n|---|{'---|' * len(STEMS)}---|")
    for name in options.models:
        row = means(unbraid.load(name), chosen, STEMS, options.seconds)
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in row.values())} |", flush=True)


if __name__ == "__main__":
    main()

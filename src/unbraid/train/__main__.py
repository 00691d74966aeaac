"""``python -m unbraid.train``: ``unbraid train`` without a screen, for torchrun and batch systems."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unbraid.errors import UnbraidError
from unbraid.train.loop import train
from unbraid.train.recipe_file import read_recipe


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.train", description="Train a net from a recipe.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, help="folder of a new run")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="folder of a run to go on with")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if (options.out is None) == (options.resume is None):
        parser.error("give either --out for a new run or --resume for an old one")
    try:
        recipe = read_recipe(options.recipe, options.changes)
        train(recipe, options.out or options.resume, resume=options.resume is not None)
    except UnbraidError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

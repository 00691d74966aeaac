"""``python -m unbraid.data.studio OUT --songs N --seed S --assets DIR --workers K``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unbraid.data.studio import make_songs
from unbraid.errors import UnbraidError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.data.studio", description="Make multitrack songs.")
    parser.add_argument("out", type=Path, help="folder for the songs; those that are there are kept")
    parser.add_argument("--songs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--assets", type=Path, required=True, help="folder of unpacked packages (studio-assets.sh)")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    try:
        make_songs(asked.out, asked.songs, asked.seed, asked.assets, asked.workers, say)
    except UnbraidError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Start-up: how long ``import unbraid`` and ``unbraid --help`` take.

Whole processes, and the same with the interpreter alone taken off.
"""

from __future__ import annotations

import shutil
import sys

from bench.process import paired


def report() -> str:
    program = shutil.which("unbraid")
    assert program, "install unbraid first"
    costs = paired(
        {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import unbraid'": [sys.executable, "-c", "import unbraid"],
            "unbraid --help": [program, "--help"],
            "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
        },
        rounds=15,
    )
    bare = costs["python -c pass"].wall_s
    rows = ["| command | wall, s | above the bare interpreter, s |", "|---|---|---|"]
    rows += [f"| `{name}` | {each.wall_s:.3f} | {each.wall_s - bare:.3f} |" for name, each in costs.items()]
    return "\n".join(rows)

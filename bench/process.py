"""Runs a command as a whole process and tells its wall time, processor time and peak memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_mib: float


_CHILD = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stderr.write(code.stderr.decode(errors="replace")[-2000:])
print(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(code.returncode)
"""


def cost(command: Sequence[str | Path]) -> Cost:
    """Run ``command``; raises CalledProcessError if it fails. The peak is that of its largest process."""
    # A process of its own, since the peak of children is kept for the life of their parent.
    run = subprocess.run([sys.executable, "-c", _CHILD, *map(str, command)], capture_output=True, text=True)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, list(command), run.stdout, run.stderr)
    return Cost(*map(float, run.stdout.split()))


def paired(commands: dict[str, Sequence[str | Path]], rounds: int) -> dict[str, Cost]:
    """The median cost of each command over ``rounds`` rounds of all of them in turn."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost(command))
    return {
        name: Cost(
            statistics.median(each.wall_s for each in runs),
            statistics.median(each.cpu_s for each in runs),
            statistics.median(each.peak_mib for each in runs),
        )
        for name, runs in costs.items()
    }

"""HTDemucs on one core by each runtime: processor time for a segment, and the peak of the whole process.

Full size, random weights, one call of one thread at a time; each runtime in a process of its own, in turn. The graph is
made once, before.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.speed import random_htdemucs

ROUNDS = 2
RUNTIMES = ("torch", "openvino", "onnx")

CODE = """
import os, resource, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from unbraid.runtime.heap import keep_freed
keep_freed()
import numpy
from unbraid.zoo.load import load
separator = load(sys.argv[1], runtime=sys.argv[2], device="cpu").members[0].separator
mix = numpy.random.default_rng(0).standard_normal((1, 2, separator.spec.segment)).astype(numpy.float32) / 10
separator(mix)
began = time.process_time()
separator(mix)
print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def report() -> str:
    found: dict[str, list[tuple[float, float]]] = {runtime: [] for runtime in RUNTIMES}
    with TemporaryDirectory() as temporary:
        repository = Path(temporary, "models")
        repository.mkdir()
        checkpoint, environment = random_htdemucs(repository), {**os.environ, "UNBRAID_HOME": temporary}

        def run(runtime: str) -> tuple[float, float]:
            command = [sys.executable, "-c", CODE, str(checkpoint), runtime]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            seconds, peak = map(float, done.stdout.split())
            return seconds, peak

        run("onnx")  # makes the graph
        for _ in range(ROUNDS):
            for runtime in RUNTIMES:
                found[runtime].append(run(runtime))
    rows = ["| runtime | CPU s a segment | peak, MiB |", "|---|---|---|"]
    for runtime, costs in found.items():
        seconds, peak = (statistics.median(column) for column in zip(*costs, strict=True))
        rows.append(f"| {runtime} | {seconds:.2f} | {peak:.0f} |")
    return "\n".join(rows)

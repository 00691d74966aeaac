"""Memory kept, and layers in blocks: a segment of HTDemucs on one core, four ways.

Full size, random weights, one thread; each way in a process of its own, in turn. "Kept" is unbraid.runtime.heap, which
the command line uses; "blocks" are the layers of unbraid.nets.blocks.quick_hybrid. The peak is of the whole process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 2

CODE = """
import resource, sys, time
import torch
from unbraid.nets.blocks.quick_hybrid import quicken
from unbraid.nets.htdemucs import HTDemucs, HTDemucsConfig
from unbraid.runtime.heap import keep_freed
if "kept" in sys.argv[1]:
    keep_freed()
torch.set_num_threads(1)
torch.manual_seed(0)
net = HTDemucs(HTDemucsConfig(stems=("drums", "bass", "other", "vocals"))).eval()
if "blocks" in sys.argv[1]:
    quicken(net)
mix = torch.randn(1, 2, net.config.segment) * 0.1
with torch.inference_mode():
    net(mix)
    began = time.process_time()
    net(mix)
    print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

WAYS = ("plain layers, given back", "plain layers, kept", "in blocks, given back", "in blocks, kept")


def report() -> str:
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            run = subprocess.run([sys.executable, "-c", CODE, way], capture_output=True, text=True, check=True)
            seconds, peak = map(float, run.stdout.split())
            found[way].append((seconds, peak))
    medians = {way: [statistics.median(column) for column in zip(*rows, strict=True)] for way, rows in found.items()}
    first = medians[WAYS[0]][0]
    rows = ["| layers, freed memory | CPU s a segment | faster | peak, MiB |", "|---|---|---|---|"]
    rows += [f"| {way} | {s:.2f} | {first / s:.2f} | {peak:.0f} |" for way, (s, peak) in medians.items()]
    return "\n".join(rows)

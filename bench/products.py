"""Products on one core: MKL, which torch gives them to, against oneDNN, to which unbraid gives those of HTDemucs.

32 bits, the shapes of the Transformer and of a decoder layer, medians of nine; on a processor with AVX-512 once more
as on one with AVX2 alone.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.speed import AVX2, torch_capability

CODE = """
import json, statistics, time
import torch
from unbraid.nets.blocks.channels_last import product
torch.set_num_threads(1)
torch.manual_seed(0)
def rate(call, work):
    call()
    took = []
    for _ in range(9):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return work / statistics.median(took) / 1e9
rows = []
with torch.inference_mode():
    for rows_in, size, outputs in ((2688, 512, 2048), (2688, 2048, 512), (2688, 512, 512), (7056, 48, 384)):
        x, weight, bias = torch.randn(rows_in, size), torch.randn(outputs, size), torch.randn(outputs)
        work = 2 * rows_in * size * outputs
        mkl = rate(lambda: torch.addmm(bias, x, weight.T), work)
        rows.append([f"[{rows_in}, {size}] x [{size}, {outputs}]", mkl, rate(lambda: product(x, weight, bias), work)])
print(json.dumps(rows))
"""


def report() -> str:
    tables = [_table()]
    if torch_capability() == "AVX512":
        tables.append(_table(*AVX2))
    return "\n\nAs on a processor with AVX2 alone:\n\n".join(tables)


def _table(*settings: str) -> str:
    command = ["env", *settings, sys.executable, "-c", CODE]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = ["| product | MKL, GFLOP/s | oneDNN, GFLOP/s | faster |", "|---|---|---|---|"]
    for shape, mkl, onednn in json.loads(run.stdout):
        rows.append(f"| {shape} | {mkl:.0f} | {onednn:.0f} | {onednn / mkl:.2f} |")
    return "\n".join(rows)

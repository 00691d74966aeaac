"""Words: what one more asked sound costs, as a share of the first pass, by the bundled model on a 60 s song.

In memory, in one process, on all cores, with freed memory kept as the command line does; nothing asked, one sound and
four, in turn. "One more" is a third of what lies between one and four.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.memory import long_song

ROUNDS = 31

CODE = """
import json, os, sys, time
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command line sets it
from unbraid.runtime.heap import keep_freed
keep_freed()
import soundfile
import unbraid
samples, rate = soundfile.read(sys.argv[1], dtype="float32")
model, sounds = unbraid.load("compact"), ["piano", "violin", "electric guitar", "trumpet"]
costs = []
for _ in range(int(sys.argv[2]) + 1):
    row = []
    for count in (0, 1, 4):
        wall, busy = time.perf_counter(), time.process_time()
        model.separate(samples.T, rate, ask=sounds[:count])
        row.append((time.perf_counter() - wall, time.process_time() - busy))
    costs.append(row)
print(json.dumps(costs[1:]))  # the first round warms up
"""


def report() -> str:
    with TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        long_song(song, 1)
        command = [sys.executable, "-c", CODE, str(song), str(ROUNDS)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    rounds = json.loads(run.stdout)
    rows = [
        "| | first pass, s | with one sound, s | with four, s | one more, of the first pass |",
        "|---|---|---|---|---|",
    ]
    for place, name in enumerate(("wall", "processor")):
        none, one, four = (statistics.median(each[count][place] for each in rounds) for count in range(3))
        more = statistics.median((each[2][place] - each[1][place]) / 3 / each[0][place] for each in rounds)
        rows.append(f"| {name} | {none:.2f} | {one:.2f} | {four:.2f} | {100 * more:.1f} % |")
    return "\n".join(rows)

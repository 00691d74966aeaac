"""Memory: the peak of a 60-minute song against a 10-minute one.

Both are the demo song over and over, as 16-bit WAV; whole processes, bundled model, WAV output.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from bench.process import Cost, cost

DEMO = Path(__file__).parent.parent / "demo" / "song.flac"
MINUTES = (1, 10, 60)


def long_song(path: Path, minutes: int) -> None:
    """The demo song repeated for ``minutes``, written block by block."""
    song, rate = soundfile.read(DEMO, dtype="int16", always_2d=True)
    left = minutes * 60 * rate
    with soundfile.SoundFile(path, "w", rate, song.shape[1], "PCM_16") as file:
        while left:
            file.write(np.ascontiguousarray(song[:left]))
            left -= min(left, len(song))


def measure(minutes: int) -> Cost:
    program = shutil.which("unbraid")
    assert program, "install unbraid first"
    with TemporaryDirectory() as folder:
        song = Path(folder, "song.wav")
        long_song(song, minutes)
        return cost([program, "separate", song, "-o", Path(folder, "out")])


def report() -> str:
    costs = {minutes: measure(minutes) for minutes in MINUTES}
    rows = ["| song | peak memory, MiB | against 10 min | wall, s | times real time |", "|---|---|---|---|---|"]
    for minutes, each in costs.items():
        against = each.peak_mib / costs[10].peak_mib
        speed = minutes * 60 / each.wall_s
        rows.append(f"| {minutes} min | {each.peak_mib:.0f} | {against:.2f} | {each.wall_s:.1f} | {speed:.1f} |")
    return "\n".join(rows)

"""HTDemucs on a GPU: unbraid against demucs, on three minutes in memory: ``python -m bench.cuda [--seconds 60]``.

At full size with random weights, saved by demucs itself and read by both; each with its defaults for a GPU (unbraid
computes in 16 bits there), shifts 0 and one quarter of overlap for both, in turn, medians of five after one to warm up.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from bench.memory import DEMO
from bench.speed import random_htdemucs
from unbraid.zoo.checkpoint import Device

ROUNDS, SECONDS, RATE = 5, 180, 44_100


def report(device: Device = "cuda", seconds: int = SECONDS) -> str:
    import torch
    from demucs.apply import apply_model
    from demucs.states import load_model

    import unbraid

    song, rate = soundfile.read(DEMO, dtype="float32", always_2d=True)
    assert rate == RATE
    mix = np.ascontiguousarray(np.resize(song, (seconds * RATE, 2)).T)
    with TemporaryDirectory() as folder:
        checkpoint = random_htdemucs(Path(folder))
        ours, theirs = unbraid.load(checkpoint, device=device), load_model(checkpoint).eval()

    def by_demucs() -> Any:
        # As its own Separator does: level of the whole song, and back.
        wave = torch.from_numpy(mix)
        mean, deviation = wave.mean(0).mean(), wave.mean(0).std()
        answer = apply_model(theirs, ((wave - mean) / deviation)[None], device=device, shifts=0, overlap=0.25)
        return dict(zip(theirs.sources, (answer[0] * deviation + mean).numpy(), strict=True))

    calls: dict[str, Callable[[], Any]] = {
        "unbraid, HTDemucs": lambda: ours.separate(mix, RATE, overlap=0.25),
        "demucs 4.1.0, HTDemucs": by_demucs,
    }
    answers = {name: call() for name, call in calls.items()}
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - began)
    rows = ["| | wall, s | times real time | faster |", "|---|---|---|---|"]
    peer = statistics.median(took["demucs 4.1.0, HTDemucs"])
    for name, each in took.items():
        wall = statistics.median(each)
        rows.append(f"| {name} | {wall:.2f} | {seconds / wall:.0f} | {peer / wall:.2f} |")
    one, other = (np.stack([answers[name][stem] for stem in theirs.sources]) for name in reversed(calls))
    agreement = 10 * np.log10(np.square(one).sum() / np.square(one - other).sum())
    where = torch.cuda.get_device_name() if device == "cuda" else device
    return "\n".join(
        [*rows, "", f"On one {where}, torch {torch.__version__}; their stems agree to {agreement:.0f} dB."]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], default="cuda")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    given = parser.parse_args()
    print(report(given.device, given.seconds))


if __name__ == "__main__":
    main()

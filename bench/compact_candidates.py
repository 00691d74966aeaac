"""Shapes of the compact net compared at equal CPU seconds of training: ``python bench/compact_candidates.py STUDIO``.

Each candidate trains alone, on one thread, by recipes/compact.toml and from the same seed on the same songs, until it
has computed for the same CPU time (not wall time, so other work on the machine matters little), its rate falling to
zero at the end. The table says how far each came on held-out songs, and how fast it runs in use. A short race favours
small nets: read it beside the speed, and give it as many seconds as there are.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from unbraid.train.export import export
from unbraid.train.loop import train
from unbraid.train.recipe_file import read_recipe
from unbraid.train.start import fresh

RECIPE = Path(__file__).parent.parent / "recipes" / "compact.toml"
CANDIDATES: dict[str, dict[str, Any]] = {
    "near, near, far, four times, width 80": {},
    "the same five times": {"blocks": [1, 4, "far"] * 5},
    "three times, width 64": {"blocks": [1, 4, "far"] * 3, "width": 64, "hidden": 64, "near": 128},
    "four times, width 96": {"width": 96, "hidden": 96, "near": 192, "alike": 6},
    "near, twelve times": {"blocks": [1, 2, 4, 8] * 3},
}


def raced(songs: Path, config: dict[str, Any], cpu_s: float, run: Path) -> dict[str, Any]:
    """The last validation of a run of ``cpu_s`` seconds."""
    changes = [
        f"data.root={json.dumps(str(songs))}",
        *(f"net.config.{key}={json.dumps(value)}" for key, value in config.items()),
        *("run.processes=1", "run.clock=cpu", f"run.valid_s={cpu_s / 4}", f"run.checkpoint_s={cpu_s}"),
        *(f"schedule.budget_s={cpu_s}", "schedule.decay=0.3"),
    ]
    train(read_recipe(RECIPE, changes), run)
    events = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [event for event in events if event["event"] == "valid"][-1]


def speed(config: dict[str, Any]) -> tuple[float, float]:
    """(seconds of music a CPU second of the graph on one thread, its file in MB); weights do not matter to either."""
    net = fresh("compact", config)
    with tempfile.TemporaryDirectory() as folder:
        export(net, Path(folder), "candidate", {})
        path = Path(folder) / "candidate.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        shape = (1, 2, 2, 1 + net.config.segment // net.config.hop, net.config.n_fft // 2 + 1)
        stft = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        session.run(None, {"stft": stft})
        times = []
        for _ in range(5):
            began = time.process_time()
            session.run(None, {"stft": stft})
            times.append(time.process_time() - began)
        return net.config.segment / net.config.rate / min(times), path.stat().st_size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studio", type=Path, help="folder with train/ and valid/")
    parser.add_argument("--cpu-s", type=float, default=600, help="CPU seconds of training for each candidate")
    options = parser.parse_args()
    print(f"Each with {options.cpu_s:.0f} CPU s:\n")
    print("| blocks | steps | vocals | drums | bass | other | mean SDR, dB | x real time | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, config in CANDIDATES.items():
        with tempfile.TemporaryDirectory() as folder:
            last = raced(options.studio, config, options.cpu_s, Path(folder) / "run")
        fast, size = speed(config)
        found = (last["sdr_db"].get(key, float("nan")) for key in ("vocals", "drums", "bass", "other", "mean"))
        figures = " | ".join(f"{value:.2f}" for value in found)
        print(f"| {name} | {last['step']} | {figures} | {fast:.0f} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()

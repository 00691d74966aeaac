"""Shapes of the compact net compared at equal CPU seconds of training: ``python bench/compact_candidates.py STUDIO``.

Each candidate trains alone, on one thread, from the same seed on the same songs, until it has used the same CPU time
(not wall time, so other work on the machine matters little), its rate falling to zero over the last third. The table
says how far each came on held-out songs, and how fast it runs in use. A short race favours small nets: read it
beside the speed, and give it as many seconds as there are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from unbraid.data.sample import Sampler
from unbraid.data.tracks import scan
from unbraid.nets.compact import Compact
from unbraid.train.ema import Ema
from unbraid.train.export import export
from unbraid.train.loop import build
from unbraid.train.loss import MaskTask
from unbraid.train.recipe import Recipe, parse
from unbraid.train.schedule import rate
from unbraid.train.validate import validate

CANDIDATES: dict[str, dict[str, Any]] = {
    "width 64, LSTM 64, 6 blocks (shipped)": {},
    "width 64, LSTM 32, 6 blocks": {"hidden": 32},
    "width 96, LSTM 48, 4 blocks": {"width": 96, "hidden": 48, "blocks": 4},
    "shipped, without pooled bins": {
        "bands": [[8, 6, 1], [8, 12, 1], [6, 24, 1], [5, 48, 1], [5, 96, 1], [4, 261, 1]],
    },
}


def trained(recipe: Recipe, cpu_s: float) -> tuple[Compact, int]:
    """The averaged net after ``cpu_s`` seconds of this process's time, and how many steps these were."""
    net = build(recipe)
    config, data = net.config, recipe.data
    hz = np.arange(config.n_fft // 2 + 1, dtype=np.float32) * np.float32(config.rate / config.n_fft)
    songs = scan(data.root, "train")
    sampler = Sampler(songs, config.stems, data.hops * config.hop, hz, data.mixing, data.augment)
    task, ema, step = MaskTask(net, recipe.loss), Ema(net, recipe.optim.ema), 0
    optimizer = torch.optim.AdamW(net.parameters(), betas=recipe.optim.betas, fused=True)
    began = time.process_time()
    while (share := (time.process_time() - began) / cpu_s) < 1:
        batch = sampler.batch([recipe.run.seed, 0, step], recipe.optim.batch)
        for group in optimizer.param_groups:
            group["lr"] = rate(recipe.optim, recipe.schedule, step, share)
        fields = (batch.wave, batch.curve, batch.members, batch.weight)
        task(*(torch.from_numpy(values) for values in fields))["loss"].backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.optim.clip)
        optimizer.step()
        optimizer.zero_grad()
        ema.update(net)
        step += 1
    with torch.no_grad():
        for name, weight in net.named_parameters():
            weight.copy_(ema.shadow[name])
    return net, step


def speed(net: Compact) -> tuple[float, float]:
    """(seconds of music a CPU second of the graph on one thread, its file in MB)."""
    config = net.config
    with tempfile.TemporaryDirectory() as folder:
        export(net, Path(folder), "candidate", {})
        path = Path(folder) / "candidate.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        frames = 1 + config.segment // config.hop
        stft = np.random.default_rng(0).standard_normal((1, 2, 2, config.n_fft // 2 + 1, frames)).astype(np.float32)
        session.run(None, {"stft": stft})
        times = []
        for _ in range(5):
            began = time.process_time()
            session.run(None, {"stft": stft})
            times.append(time.process_time() - began)
        return config.segment / config.rate / min(times), path.stat().st_size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studio", type=Path, help="folder with train/ and valid/")
    parser.add_argument("--cpu-s", type=float, default=600, help="CPU seconds of training for each candidate")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Each with {options.cpu_s:.0f} CPU s:\n")
    print("| net | steps | vocals | drums | bass | other | mean SDR, dB | x real time | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, config in CANDIDATES.items():
        recipe = parse(
            {
                "net": {"name": "compact", "config": config},
                "data": {"root": str(options.studio)},
                "optim": {"warmup": 50, "ema": 0.99, "lr": 2e-3},
                "schedule": {"budget_s": 1, "decay": 1 / 3},
            }
        )
        net, steps = trained(recipe, options.cpu_s)
        sdr = validate(net, scan(options.studio, "valid"), net.config.stems, 10)
        fast, size = speed(net)
        figures = " | ".join(f"{sdr.get(key, float('nan')):.2f}" for key in (*net.config.stems, "mean"))
        print(f"| {name} | {steps} | {figures} | {fast:.0f} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()

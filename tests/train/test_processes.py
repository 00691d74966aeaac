"""A run of several processes against one of one, and one that was killed against one that was not; whole processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.data.songs import write_studio
from tests.train.test_tasks import fields
from unbraid.train import checkpoint

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

RECIPE = """
[net]
name = "htdemucs"

[net.config]
segment = 4001
n_fft = 256
channels = 8
depth = 2
norm_starts = 1
layers = 1
heads = 2
dropout = 0.3

[data]
root = "{root}"
piece_s = 0.09

[loss.svd]
penalty = 1e-4
min_size_mb = 0.0
dim = 2

[optim]
warmup = 2
ema = 0
batch = 4
accumulate = 2

[average]
batches = [0.9]
epochs = [0.5]

[schedule]
steps = 20
epoch_steps = 3

[run]
checkpoint_s = 1e-9
valid_s = 1e9
valid_piece_s = 0.3
log_steps = 1
"""


def command(recipe: Path, *options: str | Path) -> list[str]:
    return [sys.executable, "-m", "unbraid.train", str(recipe), *map(str, options)]


def test_a_run_killed_at_a_random_step_ends_bit_equal_to_one_never_killed(tmp_path: Path) -> None:
    """With all in it that draws or remembers: dropout, the penalty's subspaces, turns, averages of both kinds."""
    root = write_studio(tmp_path / "songs", train=2)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(root=root))
    assert tomllib.loads(recipe.read_text())["net"]["config"]["dropout"] > 0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(recipe, "--out", whole), check=True, env=ENVIRONMENT)
    killed_after(random.SystemRandom().randint(2, 14), command(recipe, "--out", killed), killed)
    survived = checkpoint.newest(killed)
    assert survived is not None and survived.name < "step-0000020"
    subprocess.run(command(recipe, "--resume", killed), check=True, env=ENVIRONMENT)
    ends = [load_file(run / "step-0000020" / checkpoint.TENSORS) for run in (whole, killed)]
    assert ends[0].keys() == ends[1].keys()
    assert {name.partition(".")[0] for name in ends[0]} == {"net", "average", "optim", "rng"}
    assert [name for name in ends[0] if not torch.equal(ends[0][name], ends[1][name])] == []


def killed_after(step: int, run: list[str], folder: Path) -> None:
    """Start ``run`` and kill it outright once its log says ``step``."""
    process = subprocess.Popen(run, env=ENVIRONMENT)
    log, deadline = folder / "log.jsonl", time.monotonic() + 300
    try:
        while not (log.exists() and f'"step": {step},' in log.read_text()):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_two_processes_with_half_the_batch_each_have_the_gradients_of_one(tmp_path: Path) -> None:
    names = ("a-wave", "b-curve", "c-members", "d-weight")  # a file keeps its tensors in order of their names
    batch = dict(zip(names, (field.contiguous() for field in fields(batch=4)), strict=True))
    batch["d-weight"][0, 1:] = 0  # an example that knows one stem alone
    save_file(batch, tmp_path / "batch.safetensors")
    found: list[dict[str, Any]] = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.safetensors"
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
        script = [Path(__file__).with_name("gradients.py"), tmp_path / "batch.safetensors", out]
        subprocess.run([*launcher, *map(str, script)], check=True, env=ENVIRONMENT)
        found.append(load_file(out))
    one, two = found
    assert one.keys() == two.keys() and len(one) > 20
    largest = max(float(gradient.abs().max()) for gradient in one.values())
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=1e-5, atol=1e-5 * largest, msg=name)

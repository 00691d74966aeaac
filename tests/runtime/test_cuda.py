"""What runs on a GPU gives what it gives on the CPU. Needs one; a machine without skips all of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.laws.tiny import SIZES
from tests.train.tiny import recipe
from unbraid.engine.progress import Meter
from unbraid.engine.run import Schedule, run
from unbraid.engine.source import ArraySource
from unbraid.nets.blocks import quick_gpu
from unbraid.nets.registry import classes
from unbraid.runtime.torch import TorchSeparator, pick_device
from unbraid.runtime.torch_asked import AskedSeparator
from unbraid.train import checkpoint
from unbraid.train.loop import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def answer(name: str, device: str, half: bool, batch: int = 2) -> np.ndarray:
    config, net = classes(name)
    torch.manual_seed(0)
    built = net(config(**SIZES[name])).eval()
    if device == "cuda":
        built = quick_gpu.quicken(built)  # as unbraid.zoo.checkpoint does
    spec, rng = built.spec(name), np.random.default_rng(1)
    mix = rng.standard_normal((batch, spec.channels, spec.valid_length(spec.segment)), np.float32) / 10
    if spec.stems:
        stems: np.ndarray = TorchSeparator(built, spec, device, half=half)(mix).stems
        return stems
    queries = rng.standard_normal((batch, 3, spec.embedding), np.float32)
    asked = AskedSeparator(built, spec, device)(mix, queries).asked
    assert asked is not None
    return asked


def agreement_db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.square(one).sum() / (np.square(one - other).sum() + 1e-30)))


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize(("half", "least_db"), [(False, 50.0), (True, 30.0)])
def test_a_net_gives_what_it_gives_on_the_cpu(name: str, half: bool, least_db: float) -> None:
    """Convolutions of GPUs have 10 bits behind the point unless told otherwise, and half precision as many."""
    assert agreement_db(answer(name, "cpu", False), answer(name, "cuda", half)) > least_db


@pytest.mark.parametrize("half", [False, True])
def test_so_do_many_at_once(half: bool) -> None:
    """From 64 on norms are torch's own."""
    assert agreement_db(answer("htdemucs", "cpu", False, 65), answer("htdemucs", "cuda", half, 65)) > 30


def test_a_song_by_many_chunks_at_once_is_what_it_is_by_one() -> None:
    config, net = classes("htdemucs")
    torch.manual_seed(0)
    built = quick_gpu.quicken(net(config(**SIZES["htdemucs"])).eval())
    separator = TorchSeparator(built, built.spec("net"), "cuda")
    assert separator.together > 1
    song = np.random.default_rng(1).standard_normal((2, 5 * separator.spec.segment), np.float32) / 10
    many, one = (
        np.concatenate(
            [
                passage.stems
                for passage in run(separator, ArraySource(song), Schedule(batch=batch), Meter("separate", 1))
            ],
            -1,
        )
        for batch in (0, 1)
    )
    assert agreement_db(one, many) > 30


def test_auto_finds_it() -> None:
    assert pick_device("auto").type == "cuda"


def test_a_run_learns_there_and_goes_on(tmp_path: Path) -> None:
    changes = ("run.accelerator=cuda", "run.readers=2", "optim.lr=1e-2", "data.mixing.drop_target=0")
    train(recipe(tmp_path / "songs", "schedule.steps=30", *changes), tmp_path / "run")
    ended = train(recipe(tmp_path / "songs", "schedule.steps=40", *changes), tmp_path / "run", resume=True)
    assert ended.step == 40
    lines = map(json.loads, (tmp_path / "run" / "log.jsonl").read_text().splitlines())
    losses = [line["loss"] for line in lines if line["event"] == "step"]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.3
    newest = checkpoint.newest(tmp_path / "run")
    assert newest is not None and checkpoint.read_weights(newest)

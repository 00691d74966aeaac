"""Stems and words learnt at once: the trunk learns from both, begins with another run, and becomes two graphs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unbraid
from tests.data.songs import labelled, write_studio
from tests.laws.tiny import SIZES
from tests.train.tiny import recipe as plain
from unbraid.errors import UsageError
from unbraid.nets.compact_words import CompactWords
from unbraid.query.encoder import TableEncoder
from unbraid.train import checkpoint, query_export
from unbraid.train.loop import train
from unbraid.train.material import arrays, sampler_for, songs_for
from unbraid.train.query import load_trunk
from unbraid.train.recipe import Recipe
from unbraid.train.recipe_file import parse
from unbraid.train.start import build
from unbraid.train.tasks import task_for

WORDS = {**SIZES["compact-words"]["words"], "words": TableEncoder().size}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of noise with labels that the list of sounds knows."""
    return labelled(write_studio(tmp_path_factory.mktemp("studio") / "songs"))


def recipe(songs: Path, *changes: str, **net: Any) -> Recipe:
    begin = net or {"name": "compact-words", "config": {**SIZES["compact-words"], "words": dict(WORDS)}}
    raw: dict[str, Any] = {
        "net": begin,
        "data": {"root": str(songs), "hops": 31},
        "loss": {"ratio": 0, "compressed": 0, "shares": 1},
        "words": {"queries": 3},
        "optim": {"batch": 2, "warmup": 1},
        "schedule": {"steps": 2},
        "run": {"checkpoint_s": 1e9, "valid_s": 1e9, "valid_piece_s": 1, "valid_songs": 1, "log_steps": 1},
    }
    return parse(raw, changes)


def test_the_trunk_learns_from_questions(songs: Path) -> None:
    given = recipe(songs)
    net = build(given)
    found = songs_for(given, net, lambda error: pytest.fail(str(error)))
    drawn = sampler_for(given, net, found, late=False).batch([0, 0, 0], 2)
    fields = {name: torch.from_numpy(value) for name, value in arrays(drawn).items()}
    terms = task_for(given, net, 44_100)(*fields.values())
    terms["words_loss"].backward()
    blind = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert blind and all(name.startswith("head.") for name in blind), "only the stems' masks hear nothing of it"
    assert terms["loss"].item() == pytest.approx((terms["shares"] + 0.3 * terms["words_loss"]).item())


def test_a_run_becomes_two_graphs_that_are_asked(songs: Path, tmp_path: Path) -> None:
    train(recipe(songs), tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"shares", "words_presence", "words_moments"} <= next(line for line in log if line["event"] == "step").keys()
    arguments = [str(tmp_path / "run"), str(tmp_path / "run"), str(tmp_path / "out"), "--name", "both"]
    assert query_export.main(arguments) == 0
    model = unbraid.load(str(tmp_path / "out" / "both.onnx"))
    mix = np.random.default_rng(0).standard_normal((2, 44_100)).astype(np.float32) / 10
    stems = model.separate(mix, 44_100, ask=["piano"])
    assert set(stems) == {"vocals", "drums", "bass", "other", "piano"}
    assert 0 <= stems.presence["piano"] <= 1
    net, _ = load_trunk(tmp_path / "run")
    assert isinstance(net, CompactWords), "and its head may be trained further on the trunk as it is now"


def test_it_begins_with_a_trunk_and_a_head(songs: Path, tmp_path: Path) -> None:
    train(plain(tmp_path / "songs", "schedule.steps=1"), tmp_path / "trunk")
    net = build(recipe(songs, name="compact-words", **{"from": str(tmp_path / "trunk")}))
    trunk = checkpoint.read_weights(tmp_path / "trunk" / "best")
    assert isinstance(net, CompactWords)
    held = net.state_dict()
    assert all(torch.equal(held[name], value) for name, value in trunk.items())
    nowhere = recipe(songs, f"words.start={tmp_path}", name="compact-words", **{"from": str(tmp_path / "trunk")})
    with pytest.raises(UsageError, match="no checkpoint of a head"):
        build(nowhere)

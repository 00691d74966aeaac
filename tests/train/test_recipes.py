"""The shipped recipes: each makes its net, and each small one takes a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.data.songs import labelled, write_studio
from unbraid.nets.registry import classes
from unbraid.train.loop import train
from unbraid.train.recipe_file import read_recipe

SHIPPED = Path(__file__).parents[2] / "recipes"
PUBLISHED = sorted(path for path in SHIPPED.glob("*.toml") if not path.stem.endswith("-tiny"))
TINY = sorted(SHIPPED.glob("*-tiny.toml"))
SHORT = ["schedule.steps=1", "optim.batch=1", "run.valid_piece_s=0.3", "run.valid_songs=4"]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_recipe_makes_its_net_and_has_a_small_one(path: Path) -> None:
    assert path.with_stem(f"{path.stem}-tiny") in TINY
    section = read_recipe(path).net
    if section.name is not None and section.start is None:
        config, net = classes(section.name)
        with torch.device("meta"):
            net(config(**section.config))


@pytest.mark.parametrize("path", TINY, ids=lambda path: path.stem)
def test_a_small_recipe_takes_a_step(path: Path, tmp_path: Path) -> None:
    root = labelled(write_studio(tmp_path / "songs", train=1))
    changes = [f"data.root={root}", *SHORT]
    changes += ["data.hops=9"] if path.stem.startswith("compact") else ["data.piece_s=0.4"]
    start = read_recipe(path, changes).net.start
    if start is not None and start.startswith("runs/"):
        before = SHIPPED / f"{Path(start).name}.toml"
        train(read_recipe(before, [*changes, "loss.svd.penalty=0"]), tmp_path / "before")
        changes.append(f"net.from={tmp_path / 'before'}")
    assert train(read_recipe(path, changes), tmp_path / "run").step == 1
    assert (tmp_path / "run" / "best" / "state.json").is_file()

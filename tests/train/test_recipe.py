from __future__ import annotations

import json
from pathlib import Path

import pytest

from unbraid.errors import UsageError
from unbraid.train.recipe import OptimSection, ScheduleSection
from unbraid.train.recipe_file import parse, read_recipe
from unbraid.train.schedule import done, ends_epoch, rate

SHIPPED = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_survives_json(path: Path) -> None:
    recipe = read_recipe(path)
    assert parse(json.loads(json.dumps(recipe.raw()))) == recipe


def test_changes_reach_their_key() -> None:
    recipe = read_recipe(
        SHIPPED / "compact.toml",
        ["optim.lr=3e-4", "data.root=some/where", "data.mixing.remix=0.25", "optim.betas=[0.8, 0.95]"],
    )
    assert (recipe.optim.lr, str(recipe.data.root), recipe.data.mixing.remix) == (3e-4, "some/where", 0.25)
    assert recipe.optim.betas == (0.8, 0.95)


@pytest.mark.parametrize(
    ("change", "named"),
    [("optim.learning_rate=1", "learning_rate"), ("optim.lr=-1", "optim.lr"), ("optim.lr", "key=value"),
     ("optim.lr.x=1", "lr is a value"), ("optim.lr=fast", "given 'fast'")],
)  # fmt: skip
def test_a_wrong_change_is_named(change: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        read_recipe(SHIPPED / "compact.toml", [change])


def test_rate_warms_up_stays_and_falls_to_zero() -> None:
    recipe = read_recipe(
        SHIPPED / "compact.toml", ["optim.lr=1", "optim.warmup=9", "schedule.budget_s=100", "schedule.decay=0.2"]
    )
    rates = [rate(recipe.optim, recipe.schedule, s, done(recipe.schedule, s, s)) for s in (0, 4, 9, 50, 80, 90, 100)]
    assert rates == pytest.approx([0.1, 0.5, 1, 1, 1, 0.5, 0])


def test_a_run_may_end_by_epochs_or_for_want_of_progress() -> None:
    schedule = ScheduleSection(epochs=4, epoch_steps=25, patience=3)
    assert done(schedule, 50, 1e9) == 0.5
    assert done(schedule, 1, 0, stale=2) < 1
    assert done(schedule, 1, 0, stale=3) == 1
    assert [step for step in range(1, 80) if ends_epoch(schedule, step)] == [25, 50, 75]
    assert [step for step in range(1, 80) if ends_epoch(schedule, step, every=2)] == [50]


def test_the_rate_may_fall_again_and_again() -> None:
    """Half a cosine from the rate to the low one in every cycle."""
    schedule = ScheduleSection(steps=1000, decay=0, cycle_steps=100, lr_low=0.2)
    rates = [rate(OptimSection(lr=1, warmup=0), schedule, step, 0) for step in (0, 50, 99, 100, 150)]
    assert rates == pytest.approx([1, 0.6, 0.2, 1, 0.6], abs=1e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [("schedule.epochs=3", "epochs are counted in epoch_steps"), ("average.epochs=[0.9]", "need schedule.epoch_steps"),
     ("optim.accumulate=4", "4 equal turns"), ("average.batches=[1.0]", "average.batches")],
)  # fmt: skip
def test_what_does_not_go_together_is_named(change: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        read_recipe(SHIPPED / "compact.toml", ["optim.batch=3", change])


def test_readers_make_no_queries_of_clap() -> None:
    with pytest.raises(UsageError, match=r"run\.readers would each load asking\.clap"):
        read_recipe(SHIPPED / "audiosep-tiny.toml", ["run.readers=2", "asking.clap=clap.pt"])


def test_a_net_needs_a_name_or_a_beginning() -> None:
    with pytest.raises(UsageError, match="give the name of a net, or from"):
        parse({"net": {}, "data": {"root": "."}, "schedule": {"steps": 1}})

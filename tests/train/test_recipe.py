from __future__ import annotations

from pathlib import Path

import pytest

from unbraid.errors import UsageError
from unbraid.train.recipe import read_recipe
from unbraid.train.schedule import done, rate

SHIPPED = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    assert read_recipe(path).net.name


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

"""``unbraid train`` on a screen that is no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.tiny import recipe
from unbraid.cli.train import command
from unbraid.errors import UsageError


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """The tiny recipe as a file."""
    raw = recipe(tmp_path / "songs", "schedule.steps=2").raw()
    net = ", ".join(f"{key} = {value}".replace("'", '"') for key, value in raw["net"]["config"].items())
    lines = [
        f'net = {{name = "compact", config = {{{net}}}}}',
        f'data = {{root = "{tmp_path / "songs"}", hops = 31}}',
        "optim = {batch = 2, warmup = 2}",
        "schedule = {steps = 2}",
        "run = {valid_piece_s = 0.5, log_steps = 1}",
    ]
    path = tmp_path / "tiny.toml"
    path.write_text("\n".join(lines))
    return path


def test_a_run_is_told_and_goes_on_without_its_recipe(
    toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(toml, ["optim.lr=1e-3"], tmp_path / "run", None)
    told = capsys.readouterr()
    assert told.out == ""
    assert "3 songs" in told.err and "held-out SDR in dB: vocals" in told.err and "done after 2 steps" in told.err
    command(None, ["schedule.steps=3"], None, tmp_path / "run")
    assert "done after 3 steps" in capsys.readouterr().err
    assert (tmp_path / "run" / "step-0000003" / "state.json").is_file()


def test_the_folder_is_named_by_the_recipe(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command(toml, ["schedule.steps=1"], None, None)
    assert (tmp_path / "runs" / "tiny" / "best").is_dir()


def test_options_that_make_no_run_are_named(toml: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give a recipe"):
        command(None, None, tmp_path, None)
    with pytest.raises(UsageError, match="give one of them"):
        command(toml, None, tmp_path, tmp_path)
    with pytest.raises(UsageError, match="holds no run to go on with"):
        command(None, None, None, tmp_path)

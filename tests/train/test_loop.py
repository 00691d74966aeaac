from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.data.songs import BAND, write_song, write_studio
from tests.train.tiny import recipe
from unbraid.data.sample import Batch, Sampler
from unbraid.data.tracks import scan
from unbraid.errors import UsageError
from unbraid.train import checkpoint, loop
from unbraid.train.loop import TrainingError, train
from unbraid.train.recipe import Recipe
from unbraid.train.start import build
from unbraid.train.validate import measurable


class Killed(Exception):
    """Stands for a kill: the process ends without a word."""


def lines(run: Path, event: str) -> list[dict[str, object]]:
    return [line for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if line["event"] == event]


def killed_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run dies in the middle of ``step``."""
    draw = Sampler.batch

    def dying(self: Sampler, seed: list[int], size: int) -> Batch:
        if seed[2] == step:
            raise Killed
        return draw(self, seed, size)

    monkeypatch.setattr(Sampler, "batch", dying)


def state(run: Path) -> dict[str, torch.Tensor]:
    newest = checkpoint.newest(run)
    assert newest is not None and newest.name == "step-0000008"
    return load_file(newest / "state.safetensors")


def test_a_killed_run_ends_bit_equal_to_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where songs were added after the kill: they join at the next scan, not in the middle."""
    short = recipe(tmp_path / "songs", "run.checkpoint_s=1e-9", "schedule.decay=0.5")
    train(short, tmp_path / "whole")
    with monkeypatch.context() as patch:
        killed_after(5, patch)
        with pytest.raises(Killed):
            train(short, tmp_path / "killed")
    write_song(tmp_path / "songs" / "train" / "newer", 50)
    ended = train(short, tmp_path / "killed", resume=True)
    assert ended.step == 8 and ended.decaying
    whole, killed = state(tmp_path / "whole"), state(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    assert [name for name in whole if not torch.equal(whole[name], killed[name])] == []


def test_training_lowers_the_loss_and_logs_what_it_did(tmp_path: Path) -> None:
    run = tmp_path / "run"
    long = recipe(tmp_path / "songs", "schedule.steps=40", "optim.lr=1e-2", "data.mixing.drop_target=0")
    train(long, run)
    losses = [float(str(line["loss"])) for line in lines(run, "step")]
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.3
    figures = [line["sdr_db"] for line in lines(run, "valid")]
    assert isinstance(figures[-1], dict) and set(figures[-1]) == {"vocals", "drums", "bass", "other", "mean"}
    best = checkpoint.read_state(run / "best")["progress"]["best_sdr_db"]
    assert best == pytest.approx(max(f["mean"] for f in figures if isinstance(f, dict)), abs=1e-3)


def test_new_songs_are_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = recipe(tmp_path / "songs", "data.rescan_s=1e-9")
    draw = Sampler.batch

    def growing(self: Sampler, seed: list[int], size: int) -> Batch:
        if seed[2] == 4:
            write_song(tmp_path / "songs" / "train" / "newer", 50)
        return draw(self, seed, size)

    monkeypatch.setattr(Sampler, "batch", growing)
    assert train(tiny, tmp_path / "run").songs[-1] == "newer"
    assert [(line["step"], line["songs"]) for line in lines(tmp_path / "run", "rescan")] == [(5, 4)]


def test_losses_that_are_not_finite_stop_the_run_and_keep_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Sampler.batch

    def poisoned(self: Sampler, seed: list[int], size: int) -> Batch:
        batch = draw(self, seed, size)
        if seed[2] >= 2:
            batch.wave[0] = float("nan")
        return batch

    monkeypatch.setattr(Sampler, "batch", poisoned)
    with pytest.raises(TrainingError, match="3 losses in a row"):
        train(recipe(tmp_path / "songs"), tmp_path / "run")
    assert load_file(tmp_path / "run" / "bad-batch-0.safetensors")["wave"].isnan().any()


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    tiny = recipe(tmp_path / "songs", "schedule.steps=1")
    train(tiny, tmp_path / "run")
    with pytest.raises(UsageError, match="holds a run already"):
        train(tiny, tmp_path / "run")


def test_the_seed_fixes_the_first_weights(tmp_path: Path) -> None:
    def first(tiny: Recipe) -> torch.Tensor:
        return torch.cat([weight.detach().flatten() for weight in build(tiny).parameters()])

    assert torch.equal(first(recipe(tmp_path / "songs")), first(recipe(tmp_path / "songs")))
    assert not torch.equal(first(recipe(tmp_path / "songs")), first(recipe(tmp_path / "songs", "run.seed=1")))
    assert loop.TrainingError.__mro__[1].__name__ == "UnbraidError"


def test_only_songs_with_exact_stems_are_validated_on(tmp_path: Path) -> None:
    root = write_studio(tmp_path, valid=2)
    write_song(root / "valid" / "a-band", 9, BAND)
    write_song(root / "valid" / "a-loop", 9, {"kick.wav": ["drums"]})
    assert [song.id for song in measurable(scan(root, "valid"))] == ["000000", "000001"]


def test_a_batch_learnt_in_turns_has_the_gradients_of_the_whole(tmp_path: Path) -> None:
    """Of a net whose loss takes no statistics over the batch."""
    sizes = "{levels=3, features=8, segment=2000}"
    changes = ["net.name=waveunet", f"net.config={sizes}", "data.piece_s=0.1", "schedule.steps=3", "optim.batch=4"]
    for turns in (1, 4):
        turned = recipe(tmp_path / "songs", *changes, f"optim.accumulate={turns}")
        train(turned, tmp_path / f"run-{turns}")
    one, four = (load_file(tmp_path / f"run-{turns}" / "step-0000003" / checkpoint.TENSORS) for turns in (1, 4))
    for name in (name for name in one if name.endswith(".exp_avg")):
        torch.testing.assert_close(four[name], one[name], rtol=1e-3, atol=1e-3 * float(one[name].abs().max()))


def test_the_best_of_all_averages_is_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    changes = ["optim.ema=0", "average.batches=[0.5, 0.9]", "average.epochs=[0.5]", "run.valid_epochs=1"]
    # A rate of almost nothing: no validation after the first is better by more than rounding.
    plan = ["schedule.steps=1000", "schedule.epoch_steps=2", "schedule.patience=3", "optim.lr=1e-30"]
    ended = train(recipe(tmp_path / "songs", *changes, *plan, "optim.weight_decay=0"), run)
    validated = lines(run, "valid")
    assert ended.step == 2 * len(validated) < 40
    assert set(validated[0]["means"]) == {"net", "batch-0.5", "batch-0.9", "epoch-0.5"}  # type: ignore[call-overload]
    kept = checkpoint.read_state(run / "best")["progress"]["best_of"]
    held = load_file(run / "best" / checkpoint.TENSORS)
    prefix = "net." if kept == "net" else f"average.{kept}."
    assert all(torch.equal(value, held[prefix + name]) for name, value in checkpoint.read_weights(run / "best").items())


def test_who_watches_hears_of_every_step(tmp_path: Path) -> None:
    heard: list[tuple[str, dict[str, object]]] = []
    train(recipe(tmp_path / "songs", "schedule.steps=3"), tmp_path / "run", watcher=lambda *told: heard.append(told))
    assert [values["step"] for event, values in heard if event == "progress"] == [1, 2, 3]
    assert {event for event, _ in heard} == {"start", "progress", "step", "valid", "end"}


def test_stems_may_be_grouped(tmp_path: Path) -> None:
    """Two stems of four, and songs that know the rest only as a sum become exact."""
    root = write_studio(tmp_path / "songs", train=1)
    write_song(root / "train" / "a-band", 9, BAND)
    groups = 'data.stems={band=["drums", "bass", "other"]}'
    changes = [groups, 'net.config.stems=["vocals", "band"]', "schedule.steps=2"]
    train(recipe(root, *changes), tmp_path / "run")
    (line,) = lines(tmp_path / "run", "valid")
    assert isinstance(line["sdr_db"], dict) and set(line["sdr_db"]) == {"vocals", "band", "mean"}

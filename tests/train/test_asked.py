"""Training of a net that is asked: what is drawn, that the question matters, the figure, and whole runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

import unbraid
from tests.data.layouts import noise, write
from tests.data.songs import write_studio
from tests.laws.tiny import SIZES
from unbraid.data.tracks import Song, scan
from unbraid.errors import UsageError
from unbraid.query.encoder import TableEncoder
from unbraid.runtime.torch_clap import CLIP, ClapEncoder
from unbraid.train import asked_data, checkpoint, export
from unbraid.train.asked_data import AskedSampler, asked_songs, labelled_clips
from unbraid.train.asked_loss import AskedTask, sdr_improvement
from unbraid.train.loop import train
from unbraid.train.pieces import Shaper
from unbraid.train.recipe import AskingSection, Recipe
from unbraid.train.recipe_file import parse, read_recipe
from unbraid.train.schedule import rate
from unbraid.train.start import build, fresh
from unbraid.train.tasks import task_for

RATE = 8000
CAPTIONS = {"dog": "a dog barks", "rain": "rain on a roof", "bell": "a church bell"}
NET = {**SIZES["audiosep"], "rate": RATE, "embedding": 96}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three captioned sounds to learn from and to measure on."""
    root = tmp_path_factory.mktemp("sounds")
    for number, name in enumerate(CAPTIONS):
        write(root / f"{name}.wav", noise(number, 1.2, RATE), RATE)
    for split in ("train", "valid"):
        with (root / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "caption"), *((f"{n}.wav", text) for n, text in CAPTIONS.items())])
    return root


def clips(sounds: Path) -> list[Song]:
    return asked_songs(sounds, "train", RATE, lambda error: pytest.fail(str(error)))


def recipe(sounds: Path, *changes: str) -> Recipe:
    raw: dict[str, Any] = {
        "net": {"name": "audiosep", "config": dict(NET)},
        "data": {"root": str(sounds), "piece_s": 0.3, "rescan_s": 1e9},
        "optim": {"batch": 2, "warmup": 2},
        "schedule": {"steps": 6},
        "run": {"checkpoint_s": 1e9, "valid_s": 1e9, "valid_piece_s": 0.3, "valid_songs": 2, "log_steps": 1},
    }
    return parse(raw, changes)


def test_a_caption_is_asked_as_it_stands(sounds: Path) -> None:
    drawn = AskedSampler(clips(sounds), 2400, 96, AskingSection()).batch([5], 8)
    assert drawn.mixture.shape == drawn.target.shape == (8, 1, 2400)
    known = TableEncoder().encode(list(CAPTIONS.values()))
    assert all(any(np.array_equal(query, each) for each in known) for query in drawn.query)
    again = AskedSampler(clips(sounds), 2400, 96, AskingSection()).batch([5], 8)
    np.testing.assert_array_equal(again.query, drawn.query)
    np.testing.assert_array_equal(again.mixture, drawn.mixture)


def test_parts_of_songs_are_asked_for_in_many_ways(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=1)
    path = next((root / "train").rglob("song.json"))
    told = json.loads(path.read_text())
    for part, label in zip(told["parts"], ("lead vocal", "kick", "nothing known", "band", "piano"), strict=True):
        part["label"] = label
    path.write_text(json.dumps(told))
    songs = scan(root, "train")
    assert {clip.caption for clip in labelled_clips(songs)} == {"lead vocal", "kick", "piano"}
    drawn = AskedSampler(songs, 2000, 96, AskingSection()).batch([0], 24)
    assert len(np.unique(drawn.query, axis=0)) > 6


def test_a_sound_is_asked_for_by_itself(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loudest(nn.Module):
        def forward(self, pieces: Tensor) -> Tensor:
            assert pieces.shape[1] == CLIP
            return torch.stack([pieces.abs().amax(1), pieces.new_ones(len(pieces))], 1)

    def no_texts() -> Any:
        raise AssertionError("texts are not asked for")

    encoder: Any = ClapEncoder(2, no_texts, lambda: Loudest())  # type: ignore[arg-type,return-value]  # stands for CLAP
    monkeypatch.setattr(asked_data, "encoder_for", lambda *_: encoder)
    drawn = AskedSampler(clips(sounds), 2400, 2, AskingSection(text_share=0, clap=Path("clap.pt"))).batch([1], 3)
    for target, query in zip(drawn.target, drawn.query, strict=True):
        np.testing.assert_array_equal(query, encoder.encode_clip(target, RATE))


def test_the_question_matters(sounds: Path) -> None:
    """The same mixture and target, other words: another loss and other gradients, of every kind of weight."""
    torch.manual_seed(0)
    net = fresh("audiosep", NET).train()
    task = task_for(recipe(sounds), net, RATE)
    drawn = AskedSampler(clips(sounds), 2400, 96, AskingSection()).batch([2], 2)
    mixture, target = torch.from_numpy(drawn.mixture), torch.from_numpy(drawn.target)
    found = []
    for words in ("a dog barks", "rain on a roof"):
        net.zero_grad()
        task(mixture, target, torch.from_numpy(TableEncoder().encode([words] * 2)))["loss"].backward()
        found.append({name: weight.grad.clone() for name, weight in net.named_parameters() if weight.grad is not None})
    assert found[0].keys() == dict(net.named_parameters()).keys(), "a weight learns nothing"
    for part in ("encoder.0", "bottom", "decoder.5", "out"):
        names = [name for name in found[0] if name.startswith(part)]
        assert names and any(not torch.allclose(found[0][name], found[1][name], rtol=1e-3) for name in names), part


def test_it_learns_to_tell_two_sounds_apart() -> None:
    """A low and a high tone in one mixture: after some steps the words decide which one is the answer."""
    torch.manual_seed(0)
    time = torch.arange(2400) / RATE
    low, high = (torch.sin(2 * torch.pi * hz * time)[None, None] for hz in (300, 2500))
    mixture, target = (low + high).expand(2, -1, -1), torch.cat([low, high])
    query = torch.from_numpy(TableEncoder().encode(["a dog barks", "a church bell"]))
    net = fresh("audiosep", NET).train()
    task, optimizer = AskedTask(net, Shaper(RATE, RATE, 1), "l1"), torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = task(mixture, target, query)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    swapped = task(mixture, target, query.flip(0))["loss"].item()
    assert losses[-1] < 0.5 * losses[0] < swapped


def test_the_figure_is_what_is_won_over_the_mixture(sounds: Path) -> None:
    class Scaled(nn.Module):
        def __init__(self, gain: float) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(gain))

        def forward(self, mix: Tensor, queries: Tensor) -> Tensor:
            return self.gain * mix[:, None].expand(-1, queries.shape[1], -1, -1)

    sampler = AskedSampler(clips(sounds), 2400, 96, AskingSection(mixing={"gain_db": 0}))
    same = Shaper(RATE, RATE, 1)
    assert sdr_improvement(Scaled(1.0), same, sampler, 4)["mean"] == pytest.approx(0, abs=1e-3)
    # Two sounds of one energy that have nothing in common: half the mixture is the best guess, 3 dB better than all.
    assert sdr_improvement(Scaled(0.5), same, sampler, 4)["mean"] == pytest.approx(3, abs=0.3)


def test_a_resumed_run_ends_bit_equal_and_keeps_its_best(sounds: Path, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train(recipe(sounds, "schedule.decay=0"), whole)
    train(recipe(sounds, "schedule.decay=0", "schedule.steps=3"), halves)
    assert train(recipe(sounds, "schedule.decay=0"), halves, resume=True).step == 6
    ends = [load_file(run / "step-0000006" / checkpoint.TENSORS) for run in (whole, halves)]
    assert ends[0].keys() == ends[1].keys()
    assert [name for name in ends[0] if not torch.equal(ends[0][name], ends[1][name])] == []
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    steps, valid = ([line for line in log if line["event"] == event] for event in ("step", "valid"))
    assert len(steps) == 6 and np.isfinite([line["loss"] for line in steps]).all()
    assert valid[-1]["sdr_db"]["mean"] == valid[-1]["sdr_db"]["asked"]
    assert (whole / "best" / "state.json").is_file()


def test_what_was_trained_is_exported_and_asked(sounds: Path, tmp_path: Path) -> None:
    train(recipe(sounds), tmp_path / "run")
    assert export.main([str(tmp_path / "run"), str(tmp_path / "out"), "--licence", "CC0"]) == 0
    (path,) = (tmp_path / "out").iterdir()
    model = unbraid.load(str(path))
    heard = model.separate(noise(1, 1.2, RATE), RATE, ask=["a church bell"])["a_church_bell"]
    assert np.abs(heard).max() > 0
    further = build(parse({"net": {"from": str(path)}, "data": {"root": "."}, "schedule": {"steps": 1}}))
    best = checkpoint.read_weights(tmp_path / "run" / "best")
    assert all(torch.equal(value, best[name]) for name, value in further.state_dict().items())
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["licence"] == "CC0" and file.metadata()["words"] == "table"


def test_the_published_rate_rises_in_stairs() -> None:
    published = read_recipe(Path(__file__).parents[2] / "recipes" / "audiosep.toml")
    steps = (0, 9_999, 10_000, 19_999, 20_000, 29_999, 30_000, 900_000)
    found = [rate(published.optim, published.schedule, step, step / 1_000_000) for step in steps]
    np.testing.assert_allclose(found, [1e-6, 1e-6, 1e-5, 1e-5, 1e-4, 1e-4, 1e-3, 1e-3])


def test_what_cannot_be_asked_is_said(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"text_share under 1.*takes clap"):
        recipe(sounds, "asking.text_share=0.5")
    with pytest.raises(UsageError, match=r"embedding is 512, and the table of words has 96"):
        train(recipe(sounds, "net.config.embedding=512"), tmp_path / "run")

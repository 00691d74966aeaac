"""Plans mixed on the device: the sound is what numpy makes, a net learns from it, and runs resume to the bit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.songs import labelled, write_song, write_studio
from tests.laws.tiny import SIZES
from tests.train.test_words_task import recipe as words_recipe
from tests.train.tiny import recipe
from unbraid.data.augment import Change, Ranges, change_wave, curve, limiter_gain
from unbraid.data.plan import ROWS, Plan, Planner, Row
from unbraid.data.sample import Mixing
from unbraid.data.tracks import read_part, read_song, scan
from unbraid.errors import UsageError
from unbraid.query.encoder import TableEncoder
from unbraid.train import checkpoint
from unbraid.train.bank import Bank
from unbraid.train.loop import train
from unbraid.train.material import arrays, sampler_for
from unbraid.train.mixdown import cut, in_rooms, mixdown
from unbraid.train.mixdown import limiter_gain as limiter_gain_there
from unbraid.train.query_data import Asking, QuerySampler
from unbraid.train.resident import ResidentWords, resident
from unbraid.train.start import build
from unbraid.train.tasks import task_for
from unbraid.train.words_plan import WordsPlanner

STEMS = ("vocals", "drums", "bass", "other")
CPU = torch.device("cpu")
PLAIN = Ranges(speed_chance=0, lowpass_chance=0, room_chance=0, drive_chance=0, tilt_db=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled(write_studio(tmp_path_factory.mktemp("resident") / "songs"))


def remade(root: Path, samples: int) -> None:
    """The first song with other sounds, under its old name."""
    shutil.rmtree(root / "train" / "000000")
    write_song(root / "train" / "000000", 77, samples=samples)


def planner(root: Path, length: int, mixing: Mixing, ranges: Ranges) -> tuple[Planner, Bank]:
    songs, bank = scan(root, "train"), Bank(CPU)
    bank.take(songs)
    return Planner(songs, bank.places, STEMS, length, np.linspace(0, 22_050, 9, dtype=np.float32), mixing, ranges), bank


def tensors(plan: Plan) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in arrays(plan).items()}


def test_a_row_is_what_numpy_makes_of_the_same_change(tmp_path: Path) -> None:
    song = read_song(write_song(tmp_path / "song", 0))
    bank = Bank(CPU)
    bank.take([song])
    change = Change(gain_db=3, width=1.4, pan_db=-4, swap=True, invert=True)
    part, start, length = song.parts[2], 1234, 5000
    row = Row(part, 0, bank.places[part.path].first + start, bank.places[part.path].first + song.samples, change, 0.5)
    plan = [torch.tensor([row.first]), torch.tensor([row.stop]), torch.ones(1)]
    ours = cut(bank.samples, length, *plan, torch.from_numpy(row.matrix())[None])[0].numpy()
    theirs = change_wave(change, read_part(part, start, length), song.rate, length) * 0.5
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("speed", [0.88, 1.07])
def test_speed_moves_a_tone(speed: float) -> None:
    hz, length = 2000.0, 20_000
    tone = np.sin(2 * np.pi * hz * np.arange(30_000) / 44_100) * 0.5
    samples = torch.from_numpy(np.rint(np.stack([tone, tone]) * 32768).astype(np.int16))
    given = torch.tensor([0]), torch.tensor([30_000]), torch.full((1,), speed)
    moved = cut(samples, length, *given, torch.eye(2)[None])[0, 0].numpy()
    wanted = np.sin(2 * np.pi * hz * speed * np.arange(length) / 44_100) * 0.5
    assert 10 * np.log10(np.square(wanted).sum() / np.square(moved - wanted)[2:].sum()) > 55


def test_beyond_a_part_is_silence_and_not_its_neighbour(tmp_path: Path) -> None:
    song = read_song(write_song(tmp_path / "song", 0, samples=9000))
    bank = Bank(CPU)
    bank.take([song])
    first = bank.places[song.parts[0].path].first
    rows = cut(
        bank.samples,
        5000,
        torch.tensor([first + 6000]),
        torch.tensor([first + 9000]),
        torch.ones(1),
        torch.eye(2)[None],
    )
    assert rows[0, :, :3000].any() and not rows[0, :, 3000:].any()


@pytest.mark.parametrize("drive_db", [1.0, 9.0])
def test_the_limiter_is_the_same(drive_db: float) -> None:
    mix = np.random.default_rng(0).standard_normal((2, 10_000)).astype(np.float32) * np.linspace(
        0.1, 1, 10_000, dtype=np.float32
    )
    ours = limiter_gain_there(torch.from_numpy(mix)[None], torch.tensor([drive_db]))[0]
    np.testing.assert_allclose(ours.numpy(), limiter_gain(mix, drive_db, 44_100), atol=2e-4)
    assert (limiter_gain_there(torch.from_numpy(mix)[None], torch.zeros(1)) == 1).all()


def test_a_room_adds_what_it_is_told_and_only_later() -> None:
    dry = torch.zeros(1, 2, 2, 30_000)
    dry[..., 100] = 1
    torch.manual_seed(0)
    wet = in_rooms(dry, torch.tensor([[0.5, 0.0]]), torch.tensor([[0.3, 0.0]]), torch.tensor([[0.02, 0.0]]))
    echo = wet[0, 0] - dry[0, 0]
    assert torch.equal(wet[0, 1], dry[0, 1]) and echo[:, : 100 + 880].abs().max() < 1e-5
    np.testing.assert_allclose(echo.square().sum(-1).sqrt().numpy(), 0.3, rtol=0.01)


def test_whole_songs_add_up(root: Path) -> None:
    """Not remixed, unchanged but for gains of parts: the targets are sums of the songs' own parts."""
    mixing = Mixing(remix=0, weak=0, drop_target=0, drop_part=0, part_gain_db=0)
    ranges = replace(PLAIN, gain_db=0, width=1, swap=0, invert=0)
    plans, bank = planner(root, 8000, mixing, ranges)
    sound = mixdown(bank.samples, 8000, tensors(plans.batch([1, 2], 3)))
    songs = scan(root, "train")
    for item, example in enumerate(np.random.default_rng([1, 2, number]) for number in range(3)):
        rows = plans.example(example).rows
        song = next(song for song in songs if rows[0].part in song.parts)
        start = rows[0].first - bank.places[rows[0].part.path].first
        for slot, target in enumerate(song.targets()):
            wanted = sum(read_part(part, start, 8000) for part in song.parts_of(target))
            np.testing.assert_allclose(sound.targets[item, slot].numpy(), wanted, atol=1e-6)


def test_some_examples_are_in_mono_whole(root: Path) -> None:
    ranges = replace(PLAIN, room_chance=0.5, drive_chance=0.5)
    plans, bank = planner(root, 8000, Mixing(), replace(ranges, all_mono_chance=0.5))
    plan = plans.batch([1, 2], 12)
    sound = mixdown(bank.samples, 8000, tensors(plan))
    assert set(plan.mono) == {0, 1}
    for item, mono in enumerate(plan.mono):
        left, right = sound.targets[item, :, 0], sound.targets[item, :, 1]
        assert torch.equal(left, right) == bool(mono)
    for left, right, item in zip(*sound.rows.unbind(1), sound.item, strict=True):
        assert not plan.mono[item] or torch.equal(left, right)
    usual, _ = planner(root, 8000, Mixing(), ranges)
    assert not usual.batch([1, 2], 12).mono.any()


def test_plans_follow_from_their_seed(root: Path) -> None:
    plans, _ = planner(root, 8000, Mixing(), Ranges())
    one, same, other = (plans.batch(seed, 4) for seed in ([3, 0], [3, 0], [3, 1]))
    for name, value in arrays(one).items():
        np.testing.assert_array_equal(value, arrays(same)[name])
    assert not np.array_equal(one.start, other.start)


def test_curves_and_members_are_those_of_a_batch(root: Path) -> None:
    plans, _ = planner(root, 8000, Mixing(remix=1), Ranges())
    drawn = plans.batch([0], 2)
    assert drawn.members.shape == (2, 4, 4) and (drawn.members.sum(-1) == 1).all() and (drawn.weight == 1).all()
    changes = plans.example(np.random.default_rng([0, 0])).changes
    np.testing.assert_array_equal(drawn.curve[0, 1], curve(changes[1], np.linspace(0, 22_050, 9, dtype=np.float32)))


def test_what_a_device_cannot_do_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="codec_chance"):
        planner(root, 8000, Mixing(), Ranges(codec_chance=0.1))
    for change, said in (
        ("data.augment.effect_chance=0.1", "effect_chance"),
        ("data.augment.room_s=[1, 2]", "at most"),
    ):
        with pytest.raises(UsageError, match=said):
            recipe(root, "run.resident=true", change)


def test_a_song_that_vanished_is_left_out_and_places_stay(tmp_path: Path) -> None:
    songs = scan(write_studio(tmp_path / "songs"), "train")
    bank = Bank(CPU)
    assert bank.take(songs[:1]) == songs[:1]
    before, first = dict(bank.places), bank.samples
    songs[1].parts[0].path.unlink()
    assert bank.take(songs) == [songs[0], songs[2]]
    assert all(bank.places[path] is place for path, place in before.items())
    assert torch.equal(bank.samples[:, : first.shape[1]], first)
    part = songs[2].parts[3]
    held = bank.samples[:, bank.places[part.path].first :][:, : songs[2].samples]
    np.testing.assert_array_equal(held.numpy() / 32768, read_part(part, 0, songs[2].samples))


def test_a_song_that_was_made_anew_is_read_again(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=2)
    bank, (old, other) = Bank(CPU), scan(root, "train")
    bank.take([old, other])
    before, first = dict(bank.places), bank.samples
    assert bank.holds([old, other])
    remade(root, samples=70_000)
    new, _ = scan(root, "train")
    assert not bank.holds([new, other])
    assert bank.take([new, other]) == [new, other] and bank.holds([new, other])
    assert torch.equal(bank.samples[:, : first.shape[1]], first), "plans that were drawn ahead are as they were"
    for part in new.parts:
        held = bank.samples[:, bank.places[part.path].first :][:, : new.samples]
        np.testing.assert_array_equal(held.numpy() / 32768, read_part(part, 0, new.samples))
    assert all(bank.places[part.path] is before[part.path] for part in other.parts)
    size = bank.samples.shape
    shutil.rmtree(new.folder)
    assert bank.take([new, other]) == [new, other] and bank.samples.shape == size, "what is held needs no file"
    assert bank.take([old, other]) == [other], "the longer one would reach into the next part"


@pytest.mark.parametrize(("resident", "samples"), [("true", 60_000), ("true", 70_000), ("false", 70_000)])
def test_a_run_takes_in_a_song_that_was_made_anew(tmp_path: Path, resident: str, samples: int) -> None:
    root = write_studio(tmp_path / "songs")

    def watch(event: str, values: dict[str, Any]) -> None:
        if event == "progress" and values["step"] == 3:
            remade(root, samples)

    changes = (f"run.resident={resident}", "data.rescan_s=1e-9")
    assert train(recipe(root, *changes), tmp_path / "run", watcher=watch).step == 8
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "rescan"] == [3]


def test_too_little_memory_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    bank = Bank(CPU)
    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(UsageError, match=r"GB of songs.*run\.resident=false"):
        bank.take(scan(root, "train"))


def test_more_parts_than_rows_are_dropped_by_chance(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbraid.data.plan.ROWS", 4)
    plans, _ = planner(root, 8000, Mixing(remix=0, drop_target=0, drop_part=0), PLAIN)
    rows = [plans.example(np.random.default_rng(seed)).rows for seed in range(20)]
    assert all(len(kept) == 4 for kept in rows), "of five"
    missing = [
        {"lead vocal", "kick", "snare", "electric bass", "piano"} - {row.part.label for row in kept} for kept in rows
    ]
    assert len({*map(frozenset, missing)}) > 2, "no part is always the one that is left out"


@pytest.mark.parametrize("resident", ["true", "false"])
def test_pieces_in_seconds_will_do_and_even_hops_are_refused(root: Path, tmp_path: Path, resident: str) -> None:
    changes = (f"run.resident={resident}", "data.augment.codec_chance=0", "schedule.steps=1")
    assert train(words_recipe(root, *changes, "data.piece_s=0.05"), tmp_path / "run").step == 1
    with pytest.raises(UsageError, match="pieces have 30 hops"):
        train(words_recipe(root, *changes, "data.hops=30"), tmp_path / "even")


def test_later_pieces_are_longer_and_readers_draw_the_same_plans(root: Path, tmp_path: Path) -> None:
    changes = ("run.resident=true", "schedule.decay=0.5", "data.late_hops=41", "schedule.steps=4")
    for readers in (0, 2):
        train(words_recipe(root, *changes, f"run.readers={readers}"), tmp_path / str(readers))
    one, other = (checkpoint.read_weights(tmp_path / readers / "step-0000004") for readers in ("0", "2"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_questions_are_about_what_is_there(root: Path) -> None:
    plans, _ = planner(root, 8000, Mixing(remix=0.5), PLAIN)
    songs = scan(root, "train")
    asked = QuerySampler(songs, STEMS, 31, 64, TableEncoder(), Asking())
    drawn = WordsPlanner(plans, asked, STEMS, 5, guest=0.5).batch([0], 8)
    assert drawn.asked.shape == (8, 5, ROWS) and drawn.called.shape[1] == len(asked.place)
    used = drawn.stop > drawn.start
    assert not (drawn.asked * ~used[:, None]).any() and not (drawn.holds * ~used[:, None]).any()
    piano = asked.place["piano"]
    assert drawn.known[:, piano].all()
    for item in range(8):
        for number in np.flatnonzero(drawn.asked[item].any(1)):
            slots = drawn.slot[item][drawn.asked[item, number] > 0]
            assert (slots == drawn.slot_of[item, number]).all()


def test_a_net_learns_and_a_run_resumes_to_the_bit(root: Path, tmp_path: Path) -> None:
    changes = ("run.resident=true", "optim.lr=1e-2", "schedule.decay=0", "data.mixing.weak=0")
    train(recipe(root, *changes, "schedule.steps=30"), tmp_path / "whole")
    train(recipe(root, *changes, "schedule.steps=12"), tmp_path / "parts")
    train(recipe(root, *changes, "schedule.steps=30"), tmp_path / "parts", resume=True)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["event"] == "step"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    one, other = (checkpoint.read_weights(tmp_path / run / "step-0000030") for run in ("whole", "parts"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_stems_and_words_are_learnt_from_one_hearing(root: Path, tmp_path: Path) -> None:
    given = words_recipe(root, "run.resident=true", "data.augment.room_chance=0", "schedule.steps=3")
    net = build(given)
    songs, bank = scan(root, "train"), Bank(CPU)
    bank.take(songs)
    drawn = tensors(sampler_for(given, net, songs, late=False, places=bank.places).batch([0], 4))
    task = resident(task_for(given, net, 44_100), bank, 31 * SIZES["compact-words"]["hop"])
    assert isinstance(task, ResidentWords)
    terms = task(*drawn.values())
    plain = task.task.stems(task.mix(drawn).targets, drawn["curve"], drawn["members"], drawn["weight"])
    assert terms["shares"].item() == pytest.approx(plain["shares"].item(), rel=1e-5)
    terms["loss"].backward()
    assert all(weight.grad is not None for weight in net.parameters())
    assert {"shares", "words_presence", "words_shares"} <= terms.keys()
    train(given, tmp_path / "run")

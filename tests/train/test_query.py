from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.songs import labelled, write_studio
from tests.runtime.words import nets
from unbraid.data.tracks import scan
from unbraid.errors import AudioError, ModelError, UsageError
from unbraid.query.encoder import TableEncoder
from unbraid.query.sounds import sounds
from unbraid.train import checkpoint, query_data
from unbraid.train.query import Run, load_trunk
from unbraid.train.query_data import Asking, QuerySampler
from unbraid.train.query_export import load_head
from unbraid.train.query_loss import QueryTask
from unbraid.train.query_settings import settings
from unbraid.train.words import distilled, kept_tokens, save

STEMS = ("vocals", "drums", "bass", "other")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of noise with labels that the list of sounds knows."""
    return labelled(write_studio(tmp_path_factory.mktemp("studio") / "songs"))


def sampler(songs: Path, **changes: float) -> QuerySampler:
    return QuerySampler(scan(songs, "train"), STEMS, 31, 128, TableEncoder(), Asking(**changes))


def test_targets_are_in_the_mix_and_in_the_stems_that_are_asked(songs: Path) -> None:
    drawn = sampler(songs, absent=0.0, drop_part=0.0).batch((0, 1), 4, 5)
    assert drawn.mix.shape == (4, 2, 128 * 31) and drawn.target.shape == (4, 5, 2, 128 * 31)
    np.testing.assert_array_equal(drawn.query[..., -4:], drawn.weights)
    assert drawn.present.all()
    energy, whole = np.square(drawn.target).sum((2, 3)), np.square(drawn.mix).sum((1, 2))[:, None]
    assert (energy > 0).all() and (energy < 1.1 * whole).all()


def test_some_stretches_are_in_mono_whole(songs: Path) -> None:
    drawn = sampler(songs, mono=0.5).batch((0, 1), 16, 2)
    folded = [np.array_equal(mix[0], mix[1]) for mix in drawn.mix]
    assert set(folded) == {True, False}
    for target in drawn.target[folded]:
        np.testing.assert_array_equal(target[:, 0], target[:, 1])
    assert not any(np.array_equal(mix[0], mix[1]) for mix in sampler(songs, mono=0.0).batch((0, 1), 16, 2).mix)


def test_what_is_absent_is_silent(songs: Path) -> None:
    drawn = sampler(songs, absent=1.0).batch((0, 1), 4, 5)
    assert not drawn.target.any() and not drawn.present.any()


def test_the_same_seed_draws_the_same(songs: Path) -> None:
    one, other = (sampler(songs).batch((3, 7), 2, 3) for _ in range(2))
    np.testing.assert_array_equal(one.query, other.query)
    np.testing.assert_array_equal(one.mix, other.mix)


def test_what_was_drawn_before_changes_nothing(songs: Path) -> None:
    """Texts are encoded once and kept."""
    used = sampler(songs)
    for step in range(3):
        used.batch([0, step], 2, 3)
    for name, value in vars(used.batch([1, 1], 2, 3)).items():
        np.testing.assert_array_equal(value, getattr(sampler(songs).batch([1, 1], 2, 3), name), name)


def test_a_song_that_disappears_costs_a_redraw(tmp_path: Path) -> None:
    root = labelled(write_studio(tmp_path / "songs"))
    drawing = sampler(root, guest=0.0)
    first, *others = scan(root, "train")
    shutil.rmtree(first.parts[0].path.parent)
    assert np.isfinite(drawing.batch((0, 1), 8, 2).mix).all()
    for song in others:
        shutil.rmtree(song.parts[0].path.parent)
    with pytest.raises(AudioError, match="disappear"):
        drawing.batch((0, 1), 1, 2)


def test_a_general_part_may_hold_a_special_one(songs: Path) -> None:
    (song, *_) = query_data.labelled(scan(songs, "train"))
    assert song.present == ["electric bass", "kick", "lead vocal", "piano", "snare"]
    assert song.absent("harp") and not song.absent("piano") and song.absent("electric piano")


def test_a_song_with_an_unknown_part_is_left_out(songs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="labels"):
        QuerySampler(scan(write_studio(tmp_path / "songs"), "valid"), STEMS, 1, 128, TableEncoder(), Asking())


def test_the_head_learns_and_the_trunk_does_not(songs: Path) -> None:
    torch.manual_seed(0)
    trunk, head = nets()
    trunk.requires_grad_(False)
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    task = QueryTask(trunk, head, settings(["floor=1e-2"]))
    drawn = sampler(songs, absent=0.3).batch((0, 0), 2, 4)
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        terms = task(drawn)
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        losses.append(terms["loss"].item())
    assert losses[-1] < losses[0] - 0.3
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


def test_every_sound_is_called_and_what_sounds_is_heard(songs: Path) -> None:
    drawn = sampler(songs, drop_part=0.0, guest=0.0).batch((0, 1), 2, 1)
    names = [name for name, sound in sounds().items() if sound.whole is not None]
    assert drawn.called.shape == (2, len(names), TableEncoder().size + len(STEMS))
    assert drawn.known.shape == (2, len(names)) and drawn.heard.shape == (2, len(names), 16)
    row = {name: number for number, name in enumerate(names)}
    # Parts of noise sound all the time; a general piano may be an electric one.
    for name in ("kick", "snare", "electric bass", "piano"):
        assert drawn.known[:, row[name]].all() and drawn.heard[:, row[name]].all(), name
    assert drawn.known[:, row["harp"]].all() and not drawn.heard[:, row["harp"]].any()
    silent = sampler(songs, drop_part=1.0, guest=0.0).batch((0, 1), 2, 1)
    assert silent.known[:, row["kick"]].all() and not silent.heard.any()


def test_heard_is_told_moment_by_moment(songs: Path, tmp_path: Path) -> None:
    """A part that ends in the middle of the piece is heard in its first half."""
    drawn = sampler(songs)
    wave = np.random.default_rng(0).standard_normal((2, 128 * 31)).astype(np.float32)
    wave[:, 128 * 16 :] = 0
    energy = drawn._energy(wave)
    assert energy.shape == (16,)
    assert (energy[:8] > 100).all() and (energy[9:] == 0).all()


def test_a_head_may_begin_with_masks_of_another(songs: Path, tmp_path: Path) -> None:
    trunk, _ = nets()
    Run(trunk, "a", tmp_path / "one", settings(fixed(songs, 2))).train()
    first = load_head(tmp_path / "one", trunk, "a").state_dict()
    begun = Run(trunk, "b", tmp_path / "two", settings([*fixed(songs, 2), f"start={tmp_path / 'one'}"]))
    same = {name for name, value in begun.head.state_dict().items() if torch.equal(value, first[name])}
    assert {name for name in first if not name.startswith("listener.")} <= same
    assert "listener.into.weight" not in same
    with pytest.raises(ModelError, match="no checkpoint"):
        Run(trunk, "b", tmp_path / "three", settings([*fixed(songs, 2), f"start={tmp_path / 'none'}"]))


def test_a_run_goes_on_where_it_stopped(songs: Path, tmp_path: Path) -> None:
    trunk, _ = nets()
    whole = Run(trunk, "a", tmp_path / "whole", settings(fixed(songs, 4)))
    whole.train()
    Run(trunk, "a", tmp_path / "two", settings(fixed(songs, 2))).train()
    again = Run(trunk, "a", tmp_path / "two", settings(fixed(songs, 4)))
    assert again.progress.step == 2
    again.train()
    for name, value in whole.head.state_dict().items():
        torch.testing.assert_close(value, again.head.state_dict()[name], atol=1e-4, rtol=1e-3)
    head = load_head(tmp_path / "two", trunk, "a")
    assert head.query_size == TableEncoder().size + 4
    with pytest.raises(ModelError, match="another trunk"):
        load_head(tmp_path / "two", trunk, "b")
    with pytest.raises(ModelError, match="another trunk"):
        Run(trunk, "b", tmp_path / "two", settings(fixed(songs, 4)))


def fixed(songs: Path, steps: int) -> list[str]:
    """Few steps, whose rate hardly depends on the clock."""
    return [f"root={songs}", f"steps={steps}", "budget_s=1e9", "hops=31", "batch=1", "queries=2", "valid_batches=1"]


def test_settings_are_checked() -> None:
    assert settings(["batch=5", "rate=1e-4"]).batch == 5
    with pytest.raises(UsageError, match="no setting"):
        settings(["colour=red"])
    with pytest.raises(UsageError, match="batch"):
        settings(["batch=many"])


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a run"):
        load_trunk(tmp_path)
    assert checkpoint.newest(tmp_path) is None


def test_a_table_is_remade_from_vectors(tmp_path: Path) -> None:
    """Placeholders are left out, and rounding keeps the direction of each vector."""
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "the", "guitar", "harp", ""]))
    tokens = kept_tokens(tmp_path)
    assert tokens == ["[UNK]", "the", "guitar", "harp"]
    vectors = np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32)
    rows = distilled(vectors, 3)
    assert rows.shape == (4, 3)
    save(tmp_path / "table", tokens, rows)
    encoder = TableEncoder(tmp_path / "table")
    expected = rows[2] / np.linalg.norm(rows[2])
    np.testing.assert_allclose(encoder.encode(["guitar"])[0], expected, atol=1e-2)

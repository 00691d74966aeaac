from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.songs import BAND, STEMS, write_song, write_studio
from unbraid.data.augment import Ranges
from unbraid.data.sample import Mixing, Sampler
from unbraid.data.tracks import read_part, scan
from unbraid.errors import AudioError, UsageError
from unbraid.signal import Samples

HZ = np.linspace(0, 22_050, 33, dtype=np.float32)
LENGTH = 8192
STILL = Ranges(
    gain_db=0,
    tilt_db=0,
    width=1,
    swap=0,
    invert=0,
    speed_chance=0,
    lowpass_chance=0,
    room_chance=0,
    drive_chance=0,
)
WHOLE = Mixing(remix=0, weak=0, drop_target=0, drop_part=0, part_gain_db=0)


def sampler(root: Path, mixing: Mixing = Mixing(), ranges: Ranges = Ranges()) -> Sampler:  # noqa: B008 - both are frozen
    return Sampler(scan(root, "train"), STEMS, LENGTH, HZ, mixing, ranges)


def places(whole: Samples, piece: Samples) -> list[int]:
    """Where ``whole`` goes on as ``piece`` begins."""
    windows = np.lib.stride_tricks.sliding_window_view(whole[0], 8)
    return [int(start) for start in np.flatnonzero(np.abs(windows - piece[0, :8]).max(1) < 1e-6)]


def test_a_seed_fixes_a_batch_and_items_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    drawn = sampler(write_studio(tmp_path))
    once, again, longer = drawn.batch([7, 0, 3], 2), drawn.batch([7, 0, 3], 2), drawn.batch([7, 0, 3], 3)
    np.testing.assert_array_equal(once.wave, again.wave)
    np.testing.assert_array_equal(once.curve, again.curve)
    np.testing.assert_array_equal(once.wave, longer.wave[:2])
    assert not np.array_equal(once.wave, drawn.batch([7, 0, 4], 2).wave)
    assert not np.array_equal(once.wave, drawn.batch([7, 1, 3], 2).wave)


def test_without_changes_the_targets_are_the_song(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=1)
    batch = sampler(root, WHOLE, STILL).batch([0], 1)
    (song,) = scan(root, "train")
    for row, target in enumerate(song.targets()):
        whole = sum(read_part(part, 0, song.samples) for part in song.parts_of(target))
        (start,) = places(whole, batch.wave[0, row])
        np.testing.assert_allclose(batch.wave[0, row], whole[:, start : start + LENGTH], atol=1e-6)
        assert batch.members[0, row].sum() == 1 and batch.members[0, row, STEMS.index(*target)] == 1
    np.testing.assert_array_equal(batch.curve, 1)


def test_some_examples_are_in_mono_whole(tmp_path: Path) -> None:
    root = write_studio(tmp_path)
    wave = sampler(root, ranges=replace(Ranges(), all_mono_chance=0.5)).batch([0], 12).wave
    folded = [np.array_equal(targets[:, 0], targets[:, 1]) for targets in wave]
    assert set(folded) == {True, False}
    assert not any(np.array_equal(targets[:, 0], targets[:, 1]) for targets in sampler(root).batch([0], 12).wave)


def test_stems_of_a_remix_come_from_different_songs(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=4)
    still = sampler(root, Mixing(remix=1, weak=0, drop_target=0, drop_part=0, part_gain_db=0), STILL)
    songs = scan(root, "train")

    def origin(wave: Samples, target: frozenset[str]) -> str:
        for song in songs:
            whole = sum(read_part(part, 0, song.samples) for part in song.parts_of(target))
            if len(places(whole, wave)):
                return song.id
        raise AssertionError("a target is from no song")

    batch = still.batch([1], 1)
    assert len({origin(batch.wave[0, row], target) for row, target in enumerate(songs[0].targets())}) > 1


def test_a_band_is_one_target_beside_a_borrowed_voice(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=2)
    write_song(root / "train" / "real", 9, BAND)
    batch = sampler(root, Mixing(weak=1, drop_target=0), STILL).batch([0], 4)
    for item in range(4):
        np.testing.assert_array_equal(batch.weight[item], [1, 1, 0, 0])
        assert sorted(map(tuple, batch.members[item, :2])) == [(0, 1, 1, 1), (1, 0, 0, 0)]
        assert np.abs(batch.wave[item, :2]).max((1, 2)).min() > 0
        assert not batch.wave[item, 2:].any()


def test_dropped_targets_are_silent_but_still_asked_for(tmp_path: Path) -> None:
    batch = sampler(write_studio(tmp_path), Mixing(drop_target=1), STILL).batch([0], 2)
    assert not batch.wave.any()
    np.testing.assert_array_equal(batch.weight, 1)


def test_songs_without_any_exact_stem_are_refused(tmp_path: Path) -> None:
    write_song(tmp_path / "train" / "real", 9, BAND)
    with pytest.raises(UsageError, match="exactly one of vocals, drums, bass, other"):
        sampler(tmp_path)


def test_a_song_that_disappears_costs_a_redraw(tmp_path: Path) -> None:
    root = write_studio(tmp_path, train=8)
    drawn = sampler(root, WHOLE, STILL)
    shutil.rmtree(root / "train" / "000003")
    assert all(np.abs(drawn.batch([step], 2).wave).max((1, 2, 3)).min() > 0 for step in range(12))
    for song in (root / "train").iterdir():
        shutil.rmtree(song)
    with pytest.raises(AudioError, match="disappear"):
        drawn.batch([0], 1)

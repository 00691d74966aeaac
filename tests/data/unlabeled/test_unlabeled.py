"""Seconds without a source are found, listed and become examples."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data.songs import STEMS, write_song, write_studio
from tests.data.test_sample import STILL, sampler
from unbraid.data.sample import Mixing
from unbraid.data.tracks import Song, read_part, read_song, scan
from unbraid.data.unlabeled.by_separator import by_separator
from unbraid.data.unlabeled.detector import Detector, from_raw, learn, threshold
from unbraid.data.unlabeled.excerpts import Excerpt, excerpts_of, find_excerpts, read, save
from unbraid.data.unlabeled.settings import Settings
from unbraid.data.unlabeled.write import write_excerpts
from unbraid.errors import UsageError
from unbraid.signal import Samples

RATE = 44_100
SHORT = Settings(shortest_s=2.0, longest_s=5.0, margin_s=0.25, evidence_s=5)


def stem_of(song: Song, name: str) -> Samples:
    return sum(read_part(part, 0, song.samples) for part in song.parts_of(frozenset([name])))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studio")
    for index in range(6):
        write_song(root / "train" / f"{index:06d}", index, samples=6 * RATE)
    return root


@pytest.fixture(scope="module")
def detector(studio: Path) -> Detector:
    return learn(scan(studio, "train"), SHORT, np.random.default_rng(0), takes=6)


@pytest.fixture(scope="module")
def unlabeled(studio: Path) -> Path:
    """A song of two halves: without bass, then with all."""
    folder = studio.parent / "unlabeled-songs"
    folder.mkdir()
    song = scan(studio, "train")[0]
    stems = {stem: stem_of(song, stem) for stem in STEMS}
    without = sum(samples for stem, samples in stems.items() if stem != "bass")
    soundfile.write(folder / "song.flac", np.concatenate([without, without + stems["bass"]], axis=1).T, RATE)
    (folder / "notes.wav").write_bytes(b"")
    return folder


def test_a_detector_finds_the_seconds_without_bass(detector: Detector, unlabeled: Path) -> None:
    told: dict[str, str] = {}
    found = find_excerpts(unlabeled, from_raw(json.loads(json.dumps(detector.raw()))), SHORT, told.__setitem__)
    bass = [each for each in found if each.absent == "bass"]
    assert sum(each.end_s - each.start_s for each in bass) > 3
    assert all(0 <= each.start_s < each.end_s <= 6 for each in bass)
    assert [each for each in found if each.absent != "bass"] == []
    assert "left out" in told[str(unlabeled / "notes.wav")]


def test_a_detector_of_one_stem_learns_from_whole_songs(studio: Path, unlabeled: Path) -> None:
    only = replace(SHORT, stems=("bass",))
    found = find_excerpts(unlabeled, learn(scan(studio, "train"), only, np.random.default_rng(0), takes=6), only)
    assert sum(each.end_s - each.start_s for each in found) > 3
    assert all(each.end_s <= 6 for each in found)


def test_a_separator_may_judge_instead(unlabeled: Path, studio: Path) -> None:
    def perfect(mix: Samples, rate: int) -> dict[str, Samples]:
        gate = np.arange(mix.shape[1]) >= 6 * rate
        return {stem: mix * (gate if stem == "bass" else 1) / 4 for stem in STEMS}

    found = find_excerpts(unlabeled, by_separator(perfect, SHORT), SHORT)
    assert [(each.absent, each.start_s, each.end_s) for each in found] == [("bass", 0.25, 5.25)]
    with pytest.raises(UsageError, match="bass cannot be judged"):
        by_separator(lambda mix, rate: {"vocals": mix, "drums": mix, "other": mix}, SHORT)(np.ones((2, RATE)), RATE)


def test_excerpts_become_weak_examples(studio: Path, unlabeled: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    save([Excerpt(str(unlabeled / "song.flac"), 0.5, 5.5, "bass")], SHORT, table)
    root = write_studio(tmp_path / "all", train=2)
    (folder,) = write_excerpts(read(table), root)
    assert write_excerpts(read(table), root) == [folder]
    (song,) = (song for song in scan(root, "train") if song.kind == "unlabeled")
    truth, _ = soundfile.read(unlabeled / "song.flac", dtype="float32")
    np.testing.assert_allclose(read_part(song.parts[0], 0, song.samples), truth[RATE // 2 :][: 5 * RATE].T, atol=1e-4)
    batch = sampler(root, Mixing(weak=1, drop_target=0, rest_weight=1e-3), STILL).batch([0], 3)
    for item in range(3):
        rows = {tuple(members): weight for members, weight in zip(batch.members[item], batch.weight[item], strict=True)}
        assert rows[(1, 1, 0, 1)] == pytest.approx(1e-3) and rows[(0, 0, 1, 0)] == 1
        assert np.abs(batch.wave[item, :2]).max((1, 2)).min() > 0


def test_runs_are_trimmed_cut_and_short_ones_dropped() -> None:
    absent = {"bass": [True] * 12 + [False] + [True] * 2, "vocals": [False] * 15}
    settings = Settings(stems=("bass", "vocals"), shortest_s=2.0, longest_s=5.0, margin_s=0.5)
    sounds = [True] * 15
    cuts = [(each.start_s, each.end_s) for each in excerpts_of("x", absent, sounds, settings)]
    assert cuts == [(0.5, 5.5), (5.5, 10.5)]
    assert list(excerpts_of("x", absent, [False] * 15, settings)) == []


def test_a_threshold_keeps_its_precision_or_finds_nothing() -> None:
    rng = np.random.default_rng(0)
    absent = rng.random(2000) < 0.4
    scores = absent * 1.5 + rng.standard_normal(2000)
    for wanted in (0.7, 0.95):
        at = threshold(scores, absent, Settings(precision=wanted))
        assert absent[scores >= at].mean() >= wanted
    assert threshold(scores, absent, Settings(precision=0.7)) < threshold(scores, absent, Settings())
    assert math.isinf(threshold(scores, np.zeros(2000, bool), Settings()))


def test_what_cannot_be_learnt_from_or_read_is_refused(tmp_path: Path, studio: Path) -> None:
    with pytest.raises(UsageError, match="two or more"):
        learn(scan(studio, "train")[:1], SHORT, np.random.default_rng(0))
    with pytest.raises(UsageError, match="no sound files"):
        find_excerpts(tmp_path, lambda wave, rate: {}, SHORT)
    (tmp_path / "table.json").write_text('{"format": 1}')
    with pytest.raises(UsageError, match="no table of excerpts"):
        read(tmp_path / "table.json")
    with pytest.raises(UsageError, match="precision"):
        Settings(precision=0)
    with pytest.raises(UsageError, match="does not describe"):
        from_raw({})


def test_what_is_not_looked_for_is_in_the_excerpts_all_the_same(unlabeled: Path, tmp_path: Path) -> None:
    (folder,) = write_excerpts([Excerpt(str(unlabeled / "song.flac"), 0.5, 5.5, "bass")], tmp_path)
    (part,) = read_song(folder).parts
    assert part.stems == {"vocals", "drums", "other"}

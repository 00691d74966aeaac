"""Songs with effects in them are the same songs: parts, names and length stay, and nothing clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.songs import write_studio
from unbraid.data import effected as module
from unbraid.data.effected import Settings, effected
from unbraid.data.tracks import read_part
from unbraid.data.tracks.scan import songs_in
from unbraid.errors import UsageError
from unbraid.signal import Samples

ALL = Settings(effect_chance=1, codec_chance=1, codecs=("opus",))


def waves(root: Path) -> dict[tuple[str, str], Samples]:
    songs = songs_in(root / "train")
    return {(song.id, part.label): read_part(part, 0, song.samples) for song in songs for part in song.parts}


def test_parts_names_and_length_stay(tmp_path: Path) -> None:
    made = effected(write_studio(tmp_path / "songs", train=2), tmp_path / "out", ALL)
    assert [folder.name for folder in made] == ["000000-effects0", "000001-effects0"]
    before, after = songs_in(tmp_path / "songs" / "train"), songs_in(tmp_path / "out" / "train")
    for old, new in zip(before, after, strict=True):
        assert (new.samples, new.rate, new.kind) == (old.samples, old.rate, old.kind)
        assert [(p.label, p.stems) for p in new.parts] == [(p.label, p.stems) for p in old.parts]
    described = json.loads((made[0] / "song.json").read_text())
    assert described["codec"]["name"] == "opus"
    assert all(part["effects"] for part in described["parts"])


def test_every_part_is_changed_and_about_as_loud(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=1)
    effected(root, tmp_path / "out", ALL)
    for old, new in zip(waves(root).values(), waves(tmp_path / "out").values(), strict=True):
        assert np.abs(old - new).max() > 0.01
        assert 0.3 < np.sqrt(np.mean(new**2)) / np.sqrt(np.mean(old**2)) < 1.2


def test_without_effects_and_codecs_a_song_is_as_it_was(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=1)
    effected(root, tmp_path / "out", Settings(effect_chance=0, codec_chance=0))
    for old, new in zip(waves(root).values(), waves(tmp_path / "out").values(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_seed_makes_the_same_songs_and_what_is_there_is_kept(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=1)
    settings = Settings(copies=2, effect_chance=1, codec_chance=0)
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        effected(root, tmp_path / name, settings, seed)
    one, two, other = (waves(tmp_path / name) for name in ("one", "two", "other"))
    assert len(one) == 10
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert not all(np.array_equal(one[key], other[key]) for key in one)
    kept = (tmp_path / "one" / "train" / "000000-effects0" / "song.json").stat().st_mtime_ns
    effected(root, tmp_path / "one", settings, 3)
    assert (tmp_path / "one" / "train" / "000000-effects0" / "song.json").stat().st_mtime_ns == kept


def test_a_part_that_rises_above_full_scale_turns_down_the_whole_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The balance of the parts is the song's, effects or not, and nothing is clipped."""
    root = write_studio(tmp_path / "songs", train=1)
    before = waves(root)
    monkeypatch.setattr(module, "draw_chain", lambda rng, stems, names: (("loud", ()),) if "drums" in stems else None)
    monkeypatch.setattr(module, "through_effects", lambda wave, chain, rate: wave * np.float32(12))
    effected(root, tmp_path / "out", Settings(effect_chance=1, codec_chance=0))
    peak = max(np.abs(wave).max() * 12 for (_, label), wave in before.items() if label.startswith("drums"))
    assert peak > 1.2, "or nothing is tested"
    for (_, label), new in zip(before, waves(tmp_path / "out").values(), strict=True):
        wanted = before["000000", label] * (12 if label.startswith("drums") else 1) / peak
        np.testing.assert_allclose(new, wanted, atol=1e-4)


@pytest.mark.parametrize("settings", [{"effect_chance": 1.5}, {"codec_chance": -0.1}, {"copies": 0}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        Settings(**settings)  # type: ignore[arg-type]  # that they are wrong is the point


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"effects": ("no-such",)}, "no-such"),
        ({"codecs": ("vinyl",)}, "vinyl"),
        ({"codec_kbps": (0.0, 64.0)}, "codec_kbps"),
        ({"codec_kbps": (128.0, 64.0)}, "codec_kbps"),
    ],
)
def test_names_and_bit_rates_are_checked_before_any_song(settings: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Settings(**settings)  # type: ignore[arg-type]  # as above


def test_new_songs_do_not_go_among_the_old(tmp_path: Path) -> None:
    root = write_studio(tmp_path / "songs", train=1)
    with pytest.raises(UsageError, match="another folder"):
        effected(root, root)
    assert len(list((root / "train").iterdir())) == 1


def test_a_folder_without_songs_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no songs"):
        effected(tmp_path, tmp_path / "out")

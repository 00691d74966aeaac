from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.api.conftest import noise, read_back, write_song
from tests.api.fakes import pair
from tests.runtime.words import CONFIG, write_words
from unbraid.api import Job, Model, Options, load, separate, separate_file
from unbraid.api.listen import list_sounds
from unbraid.errors import ModelError, UsageError
from unbraid.query.sounds import sounds


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small compact net with a random head for words."""
    return load(write_words(tmp_path_factory.mktemp("words")))


def do(song: Path, model: Model, out: Path, **options: Any) -> Any:
    return separate_file(Job(song, song.stem, out, Options(**options)), model)


def test_asked_files_say_how_they_were_made(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    report = do(song, pair(), tmp_path / "out", ask=("the snare",), without=("vocals",), rest=True)
    assert list(report.stems) == ["vocals", "drums", "bass", "other", "the_snare", "no_vocals", "rest"]
    told = json.loads((tmp_path / "out/fixed/song/unbraid.json").read_text())["report"]["stems"]
    assert (told["the_snare"]["query"], told["the_snare"]["route"]["stem"]) == ("the snare", "drums")
    assert 0 <= told["the_snare"]["presence"] <= 1
    assert told["no_vocals"]["route"]["without"] is True
    assert not {"query", "route", "presence"} & set(told["drums"]) and "query" not in told["rest"]
    assert all((tmp_path / "out" / entry.file).is_file() for entry in report.stems.values())


def test_the_residual_is_told_without_the_asked_sounds(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    report = do(song, pair(), tmp_path / "out", ask=("drums",), residual=True)
    stems = {
        name: soundfile.read(tmp_path / "out" / entry.file, dtype="int32")[0].astype(np.int64)
        for name, entry in report.stems.items()
    }
    total = sum(stems[name] for name in ("vocals", "drums", "bass", "other", "residual"))
    np.testing.assert_array_equal(total, soundfile.read(song, dtype="int32")[0])


def test_the_mix_without_a_sound_and_the_sound_are_the_mix(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    report = do(song, pair(), tmp_path / "out", ask=("the snare",), without=("the snare",), rest=True)
    files = {
        name: soundfile.read(tmp_path / "out" / entry.file, dtype="int32")[0].astype(np.int64)
        for name, entry in report.stems.items()
    }
    mix = soundfile.read(song, dtype="int32")[0]
    np.testing.assert_array_equal(files["the_snare"] + files["no_the_snare"], mix)
    np.testing.assert_array_equal(files["the_snare"] + files["rest"], mix)


def test_two_stems_beside_asked_sounds(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    report = do(song, pair(), tmp_path / "out", two_stems="vocals", ask=("bass",), without=("vocals",))
    assert list(report.stems) == ["vocals", "no_vocals", "bass", "no_vocals_asked"]


def test_a_song_is_done_again_where_the_words_differ(tmp_path: Path) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    assert not do(song, pair(), out, ask=("drums",)).skipped
    again = do(song, pair(), out, ask=("drums",))
    assert again.skipped and again.stems["drums_asked"].query == "drums"
    assert not do(song, pair(), out, ask=("the drums",)).skipped


def test_a_clip_that_changes_is_heard_again(tmp_path: Path) -> None:
    song, clip = write_song(tmp_path / "song.wav", noise(0.2)), write_song(tmp_path / "Harp 1.wav", noise(0.1))
    first = do(song, pair(), tmp_path / "out", ask_like=(str(clip),))
    assert "like_harp_1" in first.stems
    assert do(song, pair(), tmp_path / "out", ask_like=(str(clip),)).skipped
    write_song(clip, noise(0.1, seed=1))
    assert not do(song, pair(), tmp_path / "out", ask_like=(str(clip),)).skipped


def test_a_model_that_understands_words_only_takes_no_clip(tmp_path: Path, words: Model) -> None:
    clip = write_song(tmp_path / "clip.wav", noise(0.1))
    with pytest.raises(UsageError, match="not sounds"):
        do(clip, words, tmp_path / "out", ask_like=(str(clip),))


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match=r"stem\.mp4"):
        Options(format="stem.mp4", ask=("drums",))
    with pytest.raises(UsageError, match="--rest"):
        Options(rest=True)


@pytest.mark.parametrize("seconds", [0.1, 3.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_head_for_words_leaves_the_stems_alone(words: Model, seconds: float, channels: int) -> None:
    samples = noise(seconds, channels=channels)
    plain = words.separate(samples, 44100)
    asked = words.separate(samples, 44100, ask=["the snare", "a dog barking", "the harp and the piano"])
    for name in plain:
        np.testing.assert_array_equal(plain[name], asked[name])
    for name in ("the_snare", "a_dog_barking", "the_harp_and_the_piano"):
        assert asked[name].shape == samples.shape and asked[name].any()
        assert 0 < asked.presence[name] < 1
    assert np.square(asked["the_snare"]).sum() < np.square(asked["drums"]).sum()


def test_a_part_lies_within_its_stem_and_the_rest_nulls(words: Model) -> None:
    samples = noise(2.0)
    taken = words.separate(samples, 44100, ask=["the snare"], rest=True)
    np.testing.assert_allclose(taken["the_snare"] + taken["rest"], samples, atol=1e-6)


def test_words_do_not_depend_on_their_neighbours(words: Model) -> None:
    samples = noise(2.0)
    alone, among = (words.separate(samples, 44100, ask=asks) for asks in (["snare"], ["harp", "snare", "flute"]))
    np.testing.assert_array_equal(alone["snare"], among["snare"])
    assert alone.presence["snare"] == among.presence["snare"]


def test_silence_stays_silence(words: Model) -> None:
    taken = words.separate(np.zeros((2, 50_000), np.float32), 44100, ask=["the snare"])
    assert not taken["the_snare"].any() and taken.presence["the_snare"] == 0


def test_a_song_says_what_is_in_it(words: Model, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", noise(1.0))
    found = list_sounds(song, words)
    assert {each.name for each in found} == set(sounds())
    assert [each.presence for each in found] == sorted((each.presence for each in found), reverse=True)
    presence = {each.name: each.presence for each in found}
    for part in ("kick", "snare", "hihat"):
        assert presence["drums"] >= presence[part], "a stem is there if a part of it is"
    silent = write_song(tmp_path / "silent.wav", np.zeros((1, 100), np.float32))
    assert {each.presence for each in list_sounds(silent, words)} == {0.0}


def test_a_model_that_tells_nothing_lists_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not tell"):
        list_sounds(write_song(tmp_path / "song.wav", noise(0.2)), pair())


def test_one_call_for_a_file(tmp_path: Path, words: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.3, 48000), 48000)
    taken = separate(song, model=words, ask="the harp", without=["drums"])
    assert list(taken)[-2:] == ["the_harp", "no_drums"]
    assert taken.routes["the_harp"].stem == "other" and taken["the_harp"].shape == (2, 14400)
    paths = taken.save(tmp_path / "out")
    assert read_back(paths[-1])[0].shape == (2, 14400)
    assert CONFIG.stems == ("vocals", "drums", "bass", "other")

"""The six lines of Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import unbraid
from tests.api.conftest import noise, read_back, write_song
from unbraid.audio.tags import Tags, read_tags
from unbraid.audio.write import write_audio
from unbraid.errors import AudioError, Cancelled, UsageError


def test_a_file_becomes_stems_that_can_be_saved(tmp_path: Path, toy: Path) -> None:
    samples = noise(0.5, 48_000)
    song = write_song(tmp_path / "song.wav", samples, 48_000, "FLOAT")
    stems = unbraid.separate(song, model=toy)
    assert (list(stems), stems.rate) == (["vocals", "rest"], 48_000)
    assert all(each.shape == samples.shape and each.dtype == np.float32 for each in stems.values())
    paths = stems.save(tmp_path / "out")
    assert [path.name for path in paths] == ["vocals.wav", "rest.wav"]
    for path, name in zip(paths, stems, strict=True):
        found, rate = read_back(path)
        assert rate == 48_000
        np.testing.assert_array_equal(found, stems[name])


def test_saved_stems_have_the_songs_tags(tmp_path: Path, toy: Path) -> None:
    song = tmp_path / "song.flac"
    write_audio(song, [noise(0.3)], 44_100, 2, format="flac", tags=Tags({"title": "A song", "artist": "Somebody"}))
    stems = unbraid.separate(song, model=toy)
    for path in stems.save(tmp_path / "out", format="mp3", bitrate_kbps=64):
        assert read_tags(path).values["artist"] == "Somebody"
        assert path.stat().st_size < 0.3 * 64_000 / 8 + 6000


def test_a_loaded_model_takes_arrays(toy_model: unbraid.api.Model) -> None:
    told = []
    for samples in (noise(0.3), noise(0.3)[0], noise(0.3).astype(np.float64)):
        stems = toy_model.separate(samples, 44_100, progress=told.append)
        np.testing.assert_allclose(stems["vocals"], np.atleast_2d(samples) / 4, atol=1e-5)
    assert told[-1].fraction == 1.0


def test_only_the_wanted_stems(toy_model: unbraid.api.Model) -> None:
    assert list(toy_model.separate(noise(0.1), 44_100, stems=["rest"])) == ["rest"]


def test_two_stems_and_what_no_stem_took(toy_model: unbraid.api.Model) -> None:
    samples = noise(0.3)
    two = toy_model.separate(samples, 44_100, two_stems="vocals")
    assert list(two) == ["vocals", "no_vocals"]
    np.testing.assert_allclose(two["vocals"] + two["no_vocals"], samples, atol=1e-6)
    left = toy_model.separate(samples, 44_100, stems="vocals", residual=True)
    assert list(left) == ["vocals", "residual"]
    np.testing.assert_allclose(left["residual"], samples * 3 / 4, atol=1e-5)
    with pytest.raises(UsageError, match="cannot be combined"):
        toy_model.separate(samples, 44_100, stems="vocals", two_stems="vocals")


def test_no_samples_give_empty_stems(toy_model: unbraid.api.Model) -> None:
    stems = toy_model.separate(np.zeros((2, 0), np.float32), 44_100)
    assert stems["vocals"].shape == (2, 0)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 10), np.int16), "int16"),
        (np.zeros((2, 3, 10)), "shape"),
        (np.zeros((6, 10)), "6 channels"),
        (np.full((2, 10), np.nan), "finite numbers"),
        (np.full((2, 10), 1e30), "finite numbers"),
    ],
)
def test_what_is_no_audio_is_refused(toy_model: unbraid.api.Model, samples: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        toy_model.separate(samples, 44_100)


def test_what_is_no_rate_is_refused(toy_model: unbraid.api.Model) -> None:
    for rate in (0, 22_050.0, "44100"):
        with pytest.raises(UsageError, match="positive whole number"):
            toy_model.separate(noise(0.1), rate)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="positive whole number"):
            unbraid.Audio(noise(0.1), rate)  # type: ignore[arg-type]


def test_what_is_no_song_is_refused(tmp_path: Path, toy: Path) -> None:
    with pytest.raises(UsageError, match="int"):
        unbraid.separate(3, model=toy)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match=r"none\.wav"):
        unbraid.separate(tmp_path / "none.wav", model=toy)
    with pytest.raises(UsageError, match="nosuch"):
        unbraid.load("nosuch")


def test_a_stop_is_obeyed(toy_model: unbraid.api.Model) -> None:
    with pytest.raises(Cancelled):
        toy_model.separate(noise(1.0), 44_100, stop_asked=lambda: True)


def test_one_name_needs_no_list(toy_model: unbraid.api.Model) -> None:
    mix = noise(0.1)
    assert list(toy_model.separate(mix, 44100, stems="vocals")) == ["vocals"]
    assert "the_rest" not in toy_model.separate(mix, 44100, without="vocals")
    assert list(toy_model.separate(mix, 44100, stems="vocals", without="vocals")) == ["vocals", "no_vocals"]

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data.songs import BAND, write_song, write_studio
from unbraid.data.tracks import read_part, read_song, scan
from unbraid.data.tracks.find import find_songs
from unbraid.errors import AudioError


def test_a_mapped_stretch_is_what_soundfile_reads(tmp_path: Path) -> None:
    part = read_song(write_song(tmp_path / "song", 0)).parts[0]
    expected, _ = soundfile.read(part.path, start=1234, frames=500, dtype="float32")
    np.testing.assert_array_equal(read_part(part, 1234, 500), expected.T)


def test_beyond_the_ends_are_zeros(tmp_path: Path) -> None:
    part = read_song(write_song(tmp_path / "song", 0, samples=1000)).parts[0]
    inside = read_part(part, 0, 1000)
    around = read_part(part, -10, 1020)
    np.testing.assert_array_equal(around[:, 10:-10], inside)
    assert not around[:, :10].any() and not around[:, -10:].any()
    assert not read_part(part, 5000, 10).any()


def test_only_whole_songs_are_found_in_order(tmp_path: Path) -> None:
    write_studio(tmp_path, train=3)
    (tmp_path / "train" / ".tmp-half").mkdir()
    (tmp_path / "train" / "empty").mkdir()
    assert [song.id for song in scan(tmp_path, "train")] == ["000000", "000001", "000002"]
    assert scan(tmp_path, "test") == []


def test_parts_that_overlap_join_to_one_target(tmp_path: Path) -> None:
    exact = read_song(write_song(tmp_path / "a", 0))
    assert exact.targets() == [frozenset([s]) for s in ("bass", "drums", "other", "vocals")]
    assert [p.label for p in exact.parts_of(frozenset(["drums"]))] == ["drums__kick", "drums__snare"]
    joined = read_song(write_song(tmp_path / "b", 0, {**BAND, "guitar.wav": ["other"], "voice.wav": ["vocals"]}))
    band = frozenset(["bass", "drums", "other"])
    assert joined.targets() == [band, frozenset(["vocals"])]
    assert {p.path.name for p in joined.parts_of(band)} == {"band.wav", "guitar.wav"}


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song", 0)
    (song / "drums__kick.wav").write_bytes((song / "drums__kick.wav").read_bytes()[:-400])
    soundfile.write(song / "drums__kick.wav", np.zeros((500, 2)), 44_100, subtype="PCM_16")
    with pytest.raises(AudioError, match=r"drums__kick\.wav: has 500 samples"):
        read_song(song)
    soundfile.write(song / "drums__kick.wav", np.zeros((60_000, 2)), 44_100, subtype="FLOAT")
    with pytest.raises(AudioError, match="plain 16-bit"):
        read_song(song)
    (song / "song.json").write_text('{"format": 1}')
    with pytest.raises(AudioError, match=r"song\.json"):
        read_song(song)
    told: list[AudioError] = []
    write_song(tmp_path / "train" / "good", 1)
    write_song(tmp_path / "valid" / "held", 2)
    (tmp_path / "song").rename(tmp_path / "train" / "bad")
    assert [found.id for found in scan(tmp_path, "train", told.append)] == ["good"]
    assert "song.json" in str(told[0])


def test_a_file_shorter_than_its_header_says_is_refused(tmp_path: Path) -> None:
    """What writes to a pipe states the largest size there is; a copy that was cut short states its own."""
    song = write_song(tmp_path / "song", 0)
    path = song / "drums__kick.wav"
    whole = path.read_bytes()
    path.write_bytes(whole[:-400])
    with pytest.raises(AudioError, match=r"drums__kick\.wav: is cut short"):
        read_song(song)
    path.write_bytes(whole[:40] + b"\xff\xff\xff\xff" + whole[44:])
    with pytest.raises(AudioError, match=r"drums__kick\.wav: is cut short"):
        read_song(song)


@pytest.mark.parametrize("name", ["val", "validation"])
def test_songs_of_the_studios_form_have_the_usual_names_of_splits(tmp_path: Path, name: str) -> None:
    write_studio(tmp_path, train=3, valid=0)
    write_song(tmp_path / name / "held", 7)
    assert [song.id for song in scan(tmp_path, "valid")] == ["held"]
    assert len(scan(tmp_path, "train")) == 3


def test_a_tenth_of_the_songs_is_set_aside_where_none_is_for_validation(tmp_path: Path) -> None:
    write_studio(tmp_path, train=30, valid=0)
    train, valid = (scan(tmp_path, split) for split in ("train", "valid"))
    assert 1 <= len(valid) <= 8 and len(train) + len(valid) == 30
    assert {song.name for song in find_songs(tmp_path)["valid"]} == {song.folder.name for song in valid}


def test_what_is_no_description_is_told(tmp_path: Path) -> None:
    song = write_song(tmp_path / "train" / "bad", 0)
    for text in ((song / "song.json").read_text().replace("44100", '"fast"').encode(), b"\xff\xfe{"):
        (song / "song.json").write_bytes(text)
        with pytest.raises(AudioError, match="does not describe a song"):
            read_song(song)

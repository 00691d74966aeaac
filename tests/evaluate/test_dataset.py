"""Songs are found in every layout, and what is not known of a song is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data import layouts
from tests.evaluate.songs import STEMS, noise, write_folder, write_studio_song
from unbraid.errors import AudioError, UsageError
from unbraid.evaluate.dataset import find_tracks
from unbraid.evaluate.song import load_song


def test_folders_of_songs_by_name_and_what_is_missing(tmp_path: Path) -> None:
    write_folder(tmp_path / "B - whole", {stem: noise(1) for stem in (*STEMS, "mixture")})
    write_folder(tmp_path / "A - no bass", {stem: noise(2) for stem in STEMS if stem != "bass"}, suffix="flac")
    (tmp_path / ".tmp-half-written").mkdir()
    (tmp_path / "notes").mkdir()
    without_bass, whole = find_tracks(tmp_path)
    assert (without_bass.name, without_bass.missing, without_bass.mixture) == ("A - no bass", ("bass",), None)
    assert (whole.name, whole.missing) == ("B - whole", ())
    assert whole.mixture is not None
    assert whole.mixture.path.name == "mixture.wav"


def test_the_test_split_is_taken_where_there_is_one(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_folder(tmp_path / split / f"a {split} song", {stem: noise(1) for stem in STEMS})
    assert [track.name for track in find_tracks(tmp_path)] == ["a test song"]
    assert [track.name for track in find_tracks(tmp_path / "train")] == ["a train song"]


def test_one_song_alone(tmp_path: Path) -> None:
    song = write_folder(tmp_path / "song", {"vocals": noise(1), "mixture": noise(2)})
    assert [track.name for track in find_tracks(song)] == ["song"]


def test_stem_files_hold_the_mixture_and_four_stems(tmp_path: Path) -> None:
    (tmp_path / "Artist - Title.stem.mp4").touch()
    (track,) = find_tracks(tmp_path)
    assert track.name == "Artist - Title"
    assert track.missing == ()
    streams = {name: files[0].stream for name, files in track.stems.items()}
    assert streams == {"vocals": 4, "drums": 1, "bass": 2, "other": 3}
    assert track.mixture is not None
    assert track.mixture.stream == 0


def test_parts_of_the_studio_add_up_to_stems_and_sounds(tmp_path: Path) -> None:
    write_studio_song(
        tmp_path / "test" / "one",
        [
            ("drums__snare", ("drums",), "snare", noise(1, channels=2)),
            ("drums__snare_2", ("drums",), "snare", noise(2, channels=2)),
            ("drums__kick", ("drums",), "kick", noise(3, channels=2)),
            ("other__harp", ("other",), "harp", noise(4, channels=2)),
        ],
    )
    (track,) = find_tracks(tmp_path)
    assert {stem: len(files) for stem, files in track.stems.items()} == {"vocals": 0, "drums": 3, "bass": 0, "other": 1}
    assert {word: len(files) for word, files in track.sounds.items()} == {"snare": 2, "kick": 1, "harp": 1}
    assert len(track.everything) == 4


def test_a_part_of_several_stems_hides_them(tmp_path: Path) -> None:
    write_studio_song(
        tmp_path / "real",
        [
            ("band", ("drums", "bass", "other"), "band", noise(1, channels=2)),
            ("voice", ("vocals",), "lead vocal", noise(2, channels=2)),
            ("guitar", ("other",), "guitar", noise(3, channels=2)),
        ],
    )
    (track,) = find_tracks(tmp_path)
    assert track.missing == ("drums", "bass", "other")
    assert len(track.everything) == 3


def test_a_song_of_which_no_sounding_stem_is_known_is_passed_over(tmp_path: Path) -> None:
    write_studio_song(tmp_path / "band", [("band", ("drums", "bass", "other"), "band", noise(1, channels=2))])
    write_studio_song(tmp_path / "song", [("kick", ("drums",), "kick", noise(2, channels=2))])
    assert [track.name for track in find_tracks(tmp_path)] == ["song"]


def test_moisesdb_has_guitar_and_piano_beside_the_four(tmp_path: Path) -> None:
    folder = layouts.moises_song(tmp_path / "moisesdb_v0.1" / "provider" / "0123")
    (track,) = find_tracks(tmp_path)
    assert (track.name, track.mixture, track.missing) == ("Band - Song", None, ())
    files = {stem: len(found) for stem, found in track.stems.items()}
    assert files == {"vocals": 2, "drums": 0, "bass": 0, "other": 1, "guitar": 1}
    assert set(track.sounds) == {"lead female singer", "background vocals", "congas", "acoustic guitar"}
    song = load_song(track, ["congas"])
    parts = [soundfile.read(path, always_2d=True)[0].T for path in sorted(folder.rglob("*.wav"))]
    assert song.mixture.shape == max((part.shape for part in parts), key=lambda shape: shape[1])
    np.testing.assert_allclose(sum(song.stems.values()), song.mixture, atol=1e-6)
    np.testing.assert_array_equal(song.sounds["congas"], song.stems["other"])


def test_slakh_has_no_voices_and_tells_guitars(tmp_path: Path) -> None:
    layouts.slakh_song(tmp_path / "test" / "Track00001")
    (track,) = find_tracks(tmp_path)
    assert (track.name, track.missing) == ("Track00001", ())
    files = {stem: len(found) for stem, found in track.stems.items()}
    assert files == {"vocals": 0, "drums": 1, "bass": 1, "other": 0, "guitar": 1}
    song = load_song(track)
    np.testing.assert_allclose(sum(song.stems.values()), song.mixture, atol=2e-4)


def test_an_accompaniment_hides_the_stems_in_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "karaoke", {"vocals": noise(1), "accompaniment": noise(2)})
    (track,) = find_tracks(tmp_path)
    assert (tuple(track.stems), track.missing) == (("vocals",), ("drums", "bass", "other"))
    assert len(track.everything) == 2


def test_nothing_is_heard_twice(tmp_path: Path) -> None:
    song = tmp_path / "song"
    write_folder(song, {name: noise(1) for name in ("drums", "kick", "vocals", "other", "guitar_1", "guitar_2")})
    soundfile.write(song / "vocals.flac", noise(2).T, 8000)
    (track,) = find_tracks(tmp_path)
    files = {stem: [file.path.name for file in found] for stem, found in track.stems.items()}
    guitars = ["guitar_1.wav", "guitar_2.wav"]
    assert files == {"vocals": ["vocals.flac"], "drums": ["drums.wav"], "other": ["other.wav"], "guitar": guitars}


def test_songs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for album in ("first", "second"):
        write_folder(tmp_path / album / "01", {"vocals": noise(1), "drums": noise(2)})
    write_folder(tmp_path / "second" / "02", {"vocals": noise(1), "drums": noise(2)})
    assert [track.name for track in find_tracks(tmp_path)] == ["first - 01", "second - 01", "02"]


def test_splits_without_a_test_and_answers_are_no_truth(tmp_path: Path) -> None:
    write_folder(tmp_path / "song", {"vocals": noise(1), "drums": noise(2)})
    write_folder(tmp_path / "separated" / "compact" / "song", {"vocals": noise(3), "drums": noise(4)})
    assert [track.name for track in find_tracks(tmp_path)] == ["song"]
    write_folder(tmp_path / "train" / "song", {"vocals": noise(1), "drums": noise(2)})
    with pytest.raises(UsageError, match=r"has no test, but train; .*train"):
        find_tracks(tmp_path)


def test_says_what_a_folder_of_songs_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no songs.*vocals\.wav"):
        find_tracks(tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        find_tracks(tmp_path / "nowhere")


def test_names_a_broken_studio_song(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    (tmp_path / "song" / "song.json").write_text("{}")
    with pytest.raises(AudioError, match=r"song\.json"):
        find_tracks(tmp_path)

"""Real recordings as songs, on made-up packages."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from unbraid.data.studio.real import RATE, make_real, spread_pieces
from unbraid.data.studio.real_sources import ALBUMS, GUITAR_SPLITS, recordings
from unbraid.data.tracks import read_part, scan


def tone(seconds: float, hz: float = 220.0) -> np.ndarray:
    wave = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


def write(path: Path | io.BytesIO, samples: np.ndarray, rate: int = RATE) -> None:
    """A file that is read by its content, whatever its name says (libsndfile crashes on long Vorbis writes)."""
    sf.write(path, samples, rate, format="FLAC")


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """Two albums (loose files and a zip), a guitar song and a drum loop."""
    root = tmp_path / "assets"
    music = root / "wesnoth-1.16-music/usr/share/music"
    music.mkdir(parents=True)
    for number, name in enumerate(("battle", "frantic", "loyalists", "wanderer", "nunc_dimittis")):
        write(music / f"{name}.ogg", tone(20, 200 + 30 * number))
    packed = root / "nexuiz-music/usr/share"
    packed.mkdir(parents=True)
    with zipfile.ZipFile(packed / "music.pk3", "w") as archive:
        held = io.BytesIO()
        write(held, tone(18)[::2], 22_050)
        archive.writestr("sound/stairs.ogg", held.getvalue())
    guitar = root / "fretsonfire-songs-sectoid/songs/Feelings"
    guitar.mkdir(parents=True)
    write(guitar / "guitar.ogg", tone(70, 330))
    write(guitar / "song.ogg", tone(71, 110))
    loops = root / "sonic-pi-samples/samples"
    loops.mkdir(parents=True)
    write(loops / "loop_amen.flac", tone(1.75, 100))
    write(loops / "loop_garzul.flac", tone(1.75, 100))
    return root


def test_songs_are_read_by_the_trainer_and_split_by_whole_tracks(assets: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    make_real(out, assets, 0, told.append)
    songs = {split: scan(out, split) for split in ("train", "valid", "test")}
    assert sorted(told) == sorted(f"{split}/{song.id}" for split, found in songs.items() for song in found)
    tracks = [{song.id.rsplit("-", 1)[0] for song in found} for found in songs.values()]
    assert not tracks[0] & tracks[1] | tracks[0] & tracks[2] | tracks[1] & tracks[2]
    everything = [song for found in songs.values() for song in found]
    assert sum("wesnoth" in song.id for song in everything) == 4
    assert not any("nunc" in song.id or "garzul" in song.id for song in everything)
    assert {song.kind for song in everything} == {"real"}


def test_a_band_is_one_sum_and_a_guitar_is_exact_beside_it(assets: Path, tmp_path: Path) -> None:
    make_real(tmp_path / "out", assets, 0, lambda name: None)
    songs = {song.id: song for split in ("train", "valid", "test") for song in scan(tmp_path / "out", split)}
    (band,) = songs["real-nexuiz-music-stairs-1"].parts
    assert (band.label, band.stems) == ("band", {"drums", "bass", "other"})
    song = songs["real-guitar-feelings-1"]
    assert song.samples == 60 * RATE
    assert [(part.label, sorted(part.stems)) for part in song.parts] == [
        ("distorted guitar", ["other"]),
        ("band", ["bass", "drums", "other"]),
    ]
    heard = read_part(song.parts[0], RATE, RATE)
    assert np.argmax(np.abs(np.fft.rfft(heard[0]))) == 330
    assert songs["real-loop-amen"].parts[0].stems == {"drums"}


def test_every_part_names_its_source_and_licence(assets: Path, tmp_path: Path) -> None:
    make_real(tmp_path / "out", assets, 0, lambda name: None)
    for path in (tmp_path / "out").glob("*/*/song.json"):
        for part in json.loads(path.read_text("utf-8"))["parts"]:
            assert part["licence"]
            assert ":" in part["source"]


def test_a_second_run_makes_nothing_new(assets: Path, tmp_path: Path) -> None:
    first, second = [], []
    seconds = make_real(tmp_path / "out", assets, 0, first.append)
    assert make_real(tmp_path / "out", assets, 0, second.append) == seconds
    assert first
    assert not second
    assert not list((tmp_path / "out").glob("*/.tmp-*"))


def test_packages_that_are_missing_give_no_songs(tmp_path: Path) -> None:
    assert make_real(tmp_path / "out", tmp_path / "nothing", 0, lambda name: None) == 0
    assert all(recordings(album, tmp_path) == [] for album in ALBUMS)


def test_pieces_are_at_most_a_minute_and_skip_silence() -> None:
    samples = np.concatenate([np.zeros((30 * RATE, 2), np.float32), tone(150), np.zeros((90 * RATE, 2), np.float32)])
    cuts = spread_pieces(samples, 9)
    assert [(cut.start // RATE, cut.stop // RATE) for cut in cuts] == [(30, 90), (90, 150), (150, 180)]
    assert len(spread_pieces(samples, 2)) == 2
    assert spread_pieces(np.zeros((40 * RATE, 2), np.float32), 3) == []


def test_each_guitar_pack_lends_a_song_to_test_and_to_validation() -> None:
    assert sorted(GUITAR_SPLITS.values()) == ["test", "test", "valid", "valid"]

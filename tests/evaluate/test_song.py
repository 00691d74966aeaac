"""A track decoded: shapes, sums, and files that do not fit."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.evaluate.songs import RATE, STEMS, noise, write_folder, write_studio_song
from unbraid.errors import AudioError
from unbraid.evaluate.dataset import find_tracks
from unbraid.evaluate.song import load_song
from unbraid.signal import Samples


def test_without_a_mixture_it_is_the_sum_of_the_stems(tmp_path: Path) -> None:
    sounds = {stem: noise(seed) for seed, stem in enumerate(STEMS)}
    (track,) = find_tracks(write_folder(tmp_path / "song", sounds))
    song = load_song(track)
    assert (song.rate, tuple(song.stems)) == (RATE, STEMS)
    for stem, samples in sounds.items():
        np.testing.assert_array_equal(song.stems[stem], samples)
    np.testing.assert_allclose(song.mixture, sum(sounds.values()), atol=1e-6)


def test_a_mixture_of_its_own_is_kept(tmp_path: Path) -> None:
    mixture = noise(9)
    (track,) = find_tracks(write_folder(tmp_path / "song", {"mixture": mixture, "vocals": noise(1)}))
    np.testing.assert_array_equal(load_song(track).mixture, mixture)


def test_stems_are_cut_or_continued_to_the_mixture_and_mono_goes_to_both_sides(tmp_path: Path) -> None:
    short, long = noise(1, seconds=1), noise(2, seconds=2, channels=2)
    mixture = noise(3, seconds=1.5, channels=2)
    (track,) = find_tracks(write_folder(tmp_path / "song", {"mixture": mixture, "vocals": short, "drums": long}))
    song = load_song(track)
    vocals, drums = song.stems["vocals"], song.stems["drums"]
    assert vocals.shape == drums.shape == (2, round(1.5 * RATE))
    np.testing.assert_array_equal(vocals[:, :RATE], np.repeat(short, 2, axis=0))
    assert not vocals[:, RATE:].any()
    np.testing.assert_array_equal(drums, long[:, : song.mixture.shape[1]])


def test_files_of_two_rates_are_refused_by_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "song", {"vocals": noise(1)})
    write_folder(folder / "x", {"bass": noise(2)}, rate=44100)
    (folder / "x" / "bass.wav").rename(folder / "bass.wav")
    (track,) = find_tracks(folder)
    with pytest.raises(AudioError, match=r"vocals\.wav has 8000 Hz.*bass\.wav has 44100 Hz"):
        load_song(track)


def test_asked_sounds_are_the_sums_of_their_parts(tmp_path: Path) -> None:
    snare, again, kick = (noise(seed, channels=2) for seed in range(3))
    parts = [("a", ("drums",), "snare", snare), ("b", ("drums",), "snare", again), ("c", ("drums",), "kick", kick)]
    (track,) = find_tracks(write_studio_song(tmp_path / "song", parts))
    song = load_song(track, words=["snare", "harp"])
    assert set(song.sounds) == {"snare"}
    np.testing.assert_allclose(song.sounds["snare"], snare + again, atol=1e-6)
    np.testing.assert_allclose(song.mixture, snare + again + kick, atol=1e-6)
    assert not song.stems["vocals"].any()


def write_stem_file(path: Path, streams: list[Samples]) -> None:
    with av.open(path, "w", format="mp4") as container:
        encoders = [container.add_stream("alac", rate=44100, layout="stereo", format="s16p") for _ in streams]
        for encoder, samples in zip(encoders, streams, strict=True):
            frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16), format="s16p", layout="stereo")
            frame.rate = 44100
            for packet in (*encoder.encode(frame), *encoder.encode(None)):
                container.mux(packet)


def test_the_streams_of_a_stem_file_go_where_they_belong(tmp_path: Path) -> None:
    streams = [np.full((2, 4096), level, np.float32) for level in (0.5, 0.1, 0.2, 0.3, 0.4)]
    write_stem_file(tmp_path / "song.stem.mp4", streams)
    (track,) = find_tracks(tmp_path)
    song = load_song(track)
    levels = {stem: samples[0, 2000] for stem, samples in song.stems.items()}
    assert levels == pytest.approx({"drums": 0.1, "bass": 0.2, "other": 0.3, "vocals": 0.4}, abs=1e-3)
    assert song.mixture[0, 2000] == pytest.approx(0.5, abs=1e-3)

"""Whole songs from what is our own: the same seed gives the same bytes, parts are legal, folders appear when whole."""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from unbraid.data import tracks
from unbraid.data.studio import folder as song_folder
from unbraid.data.studio import rendering
from unbraid.data.studio.assets import Material
from unbraid.data.studio.genres import GENRES, Genre
from unbraid.data.studio.labels import PROGRAM_LABELS, STEMS, WORDS, piece_of
from unbraid.data.studio.mixing import Part
from unbraid.data.studio.own_score import write_score
from unbraid.data.studio.score import Score
from unbraid.data.studio.song import Studio, render
from unbraid.data.studio.soundfont import Fonts
from unbraid.data.studio.voice import Voices
from unbraid.data.tracks import write
from unbraid.errors import AudioError, OutputError, UsageError

FACTS = {"kind": "studio", "seed": 1, "bpm": 120.0, "key": "C", "style": "pop"}


def genre_of(name: str) -> Genre:
    return next(genre for genre in GENRES if genre.name == name)


def rendered(seed: int, style: str) -> list[Part]:
    """A short song by our own synthesisers, strings, drums and rule-made singers: no package is needed."""
    rng = np.random.default_rng(seed)
    score = write_score(rng, genre_of(style), target_s=(4.0, 5.0))
    return render(score, genre_of(style), Studio(Material("train"), Fonts(), Voices("train")), rng)


song = lru_cache(maxsize=2)(rendered)
PUNK, DANCE = (2, "punk"), (4, "drum and bass")  # the fastest styles, so the shortest songs


def test_one_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    song_folder.write_song(tmp_path / "one", song(*PUNK), FACTS)
    song_folder.write_song(tmp_path / "two", rendered(*PUNK), FACTS)
    files = sorted(path.name for path in (tmp_path / "one").glob("*.wav"))
    assert files == sorted(path.name for path in (tmp_path / "two").glob("*.wav"))
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


@pytest.mark.parametrize("which", [PUNK, DANCE])
def test_parts_are_legal_and_none_is_silent_or_clipped(which: tuple[int, str]) -> None:
    parts = song(*which)
    assert {"drums", "bass"} <= {part.stem for part in parts}
    for part in parts:
        assert part.stem in STEMS
        assert part.label in WORDS
        assert part.source
        assert part.licence
        assert part.samples.shape == parts[0].samples.shape
        assert 1e-4 < np.abs(part.samples).max() <= 1.0
    assert np.abs(np.sum([part.samples for part in parts], axis=0)).max() <= 1.0


def test_no_bass_line_lacks_its_low_end() -> None:
    """Half of a bass part's energy lies below 400 Hz, whatever plays it."""
    for seed, style in (PUNK, DANCE):
        for part in (part for part in song(seed, style) if part.stem == "bass"):
            power = np.abs(np.fft.rfft(part.samples.mean(axis=0))) ** 2
            hz = np.fft.rfftfreq(part.samples.shape[1], 1 / 44_100)
            assert power[hz < 400].sum() > 0.5 * power.sum(), (seed, part.source)


def test_the_files_sum_to_the_mix(tmp_path: Path) -> None:
    parts = song(*PUNK)
    song_folder.write_song(tmp_path / "train" / "a", parts, FACTS)
    (read,) = tracks.scan(tmp_path, "train")
    mix = np.sum([tracks.read_part(part, 0, read.samples) for part in read.parts], axis=0)
    wanted = np.sum([part.samples for part in parts], axis=0)
    assert np.abs(mix - wanted).max() <= len(parts) * 0.51 / 32768


def test_a_folder_that_fails_half_way_does_not_appear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, samples: object, rate: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write, "write_wav", full)
    with pytest.raises(OutputError, match="No space left"):
        song_folder.write_song(tmp_path / "train" / "a", song(*PUNK), FACTS)
    assert tracks.scan(tmp_path, "train") == []


def test_no_voice_hides_among_the_instruments() -> None:
    """General MIDI's choir, voice and vocal pads would teach that singing is `other`."""
    assert not {52, 53, 54, 85, 91} & set(PROGRAM_LABELS)
    assert set(PROGRAM_LABELS.values()) <= set(WORDS)


def test_every_drum_pitch_has_a_label() -> None:
    assert {piece_of(pitch) for pitch in range(27, 88)} <= set(WORDS)


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: genre.name)
def test_scores_stay_in_time_and_in_range(genre: Genre) -> None:
    score: Score = write_score(np.random.default_rng(7), genre)
    assert 15 < score.seconds < 90
    for line in score.lines:
        for note in line.notes:
            assert 0 <= note.start_s < note.end_s
            assert note.start_s < score.seconds
            assert 12 <= note.pitch <= 108
            assert 1 <= note.velocity <= 127
    bass = [note.pitch for line in score.lines if line.role == "bass" for note in line.notes]
    assert max(bass, default=0) < 64


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def quick(folder: Path, seed: int, number: int, studio: object) -> None:
        if number == 3 and not made.count(3):
            made.append(3)
            raise AudioError("a song that cannot be made")
        made.append(number)
        folder.mkdir(parents=True)

    monkeypatch.setattr(rendering, "make_song", quick)
    monkeypatch.setattr(rendering.assets, "check", lambda root: None)
    monkeypatch.setattr(rendering, "_studio", lambda root, split: None)
    lines: list[str] = []
    assert rendering.make_songs(tmp_path, 6, 1, tmp_path, progress=lines.append) == 5
    assert sum("a song that cannot be made" in line for line in lines) == 1
    assert rendering.make_songs(tmp_path, 8, 1, tmp_path) == 3  # the one that failed and two new ones
    assert sorted(made) == [0, 1, 2, 3, 3, 4, 5, 6, 7]


def test_numbers_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="songs is 0"):
        rendering.make_songs(tmp_path, 0, 1, tmp_path)

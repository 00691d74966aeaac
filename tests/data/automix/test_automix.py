"""Two made songs of different tempo and key meet: on the beat, in tune, without clipping."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.data.layouts import RATE, hq_song
from unbraid.data.automix import Settings, automix
from unbraid.data.automix.align import best_shift_s
from unbraid.data.automix.listen import find_beats, key_of, listen, tempo
from unbraid.data.automix.partners import Match, match, transposition
from unbraid.data.tracks import read_part, read_song, scan
from unbraid.data.tracks.write import SongFolder
from unbraid.errors import UsageError
from unbraid.signal import Samples

STEMS = ("vocals", "drums", "bass", "other")
SECONDS = 22.0


@dataclass(frozen=True)
class Made:
    bpm: float
    root: int
    """Semitones above C."""
    lead_s: float


SLOW = Made(bpm=104, root=2, lead_s=1.3)
FAST = Made(bpm=116, root=0, lead_s=0.2)


def strokes(made: Made, stem: str, seed: int) -> Samples:
    """Something that begins with every beat: noise for drums, notes of the key for the others."""
    rng = np.random.default_rng(seed)
    wave = np.zeros((2, round(SECONDS * RATE)), np.float32)
    time_s = np.arange(round(0.4 * RATE)) / RATE
    octave = {"bass": 55, "other": 220, "vocals": 440, "drums": 0}[stem]
    for beat, start_s in enumerate(np.arange(made.lead_s, SECONDS - 1, 60 / made.bpm)):
        if stem == "drums":
            sound = rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.03) * (0.4 if beat % 4 else 0.6)
        else:
            step = (0, 0, 7, 0, 5, 0, 7, 4)[beat % 8]
            hz = octave * 2 ** ((3 + made.root + step) / 12)  # 55 Hz is an A, three semitones below C
            sound = 0.4 * np.sin(2 * np.pi * hz * time_s) * np.exp(-time_s / 0.12)
        at = round(start_s * RATE)
        wave[:, at : at + len(sound)] += sound.astype(np.float32)
    return wave


def write_made(folder: Path, made: Made) -> None:
    with SongFolder(folder, RATE) as out:
        for seed, stem in enumerate(STEMS):
            out.add(f"{stem}.wav", strokes(made, stem, seed), frozenset([stem]), stem)
        out.finish("made")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    write_made(root / "train" / "slow", SLOW)
    write_made(root / "train" / "fast", FAST)
    write_made(root / "valid" / "held", SLOW)
    return root


@pytest.fixture(scope="module")
def mixed(songs: Path) -> list[Path]:
    return automix(songs, songs.parent / "automix-out", Settings(copies=2), seed=3)


def onsets_s(wave: Samples) -> np.ndarray:
    """Where sound begins after it had nearly ended."""
    envelope = np.abs(wave).max(0)[: len(wave[0]) // 64 * 64].reshape(-1, 64).max(1)
    loud = envelope > 0.3 * envelope.max()
    quiet_before = np.array([not loud[max(at - 150, 0) : at].any() for at in range(len(loud))])
    return np.flatnonzero(loud & quiet_before) * 64 / RATE


def test_what_is_heard_in_a_song(songs: Path) -> None:
    for song, made in zip(scan(songs, "train"), (FAST, SLOW), strict=True):
        heard = listen(song, Settings())
        assert heard is not None
        assert heard.tempo_bpm == pytest.approx(made.bpm, rel=0.003)
        assert heard.start / RATE == pytest.approx(made.lead_s, abs=0.01)
        assert int(np.argmax(heard.key)) == made.root and sum(heard.key) == pytest.approx(1)


def test_beats_meet_within_30_ms(mixed: list[Path]) -> None:
    assert len(mixed) == 4
    apart = []
    for folder in mixed:
        song = read_song(folder)
        assert song.seconds > 10
        beats = {part.label: onsets_s(read_part(part, 0, song.samples)) for part in song.parts}
        drums = beats.pop("drums")[1:-1]
        for others in beats.values():
            apart.append(np.abs(drums[:, None] - others[None]).min(1).max())
    assert max(apart) < 0.030


def test_keys_are_within_the_limits_and_agree(mixed: list[Path]) -> None:
    for folder in mixed:
        described = json.loads((folder / "song.json").read_text())
        reference = FAST if folder.name.startswith("fast") else SLOW
        for part in described["parts"]:
            source = {"fast": FAST, "slow": SLOW}[part["source"]]
            assert part["semitones"] == reference.root - source.root
            assert part["tempo"] == pytest.approx(reference.bpm / source.bpm, rel=0.005)
        assert {part["source"] for part in described["parts"]} == {"fast", "slow"}
        song = read_song(folder)
        (bass,) = song.parts_of(frozenset(["bass"]))
        key = key_of(read_part(bass, 0, song.samples).mean(0), RATE, Settings())
        assert int(np.argmax(key)) == reference.root


def test_nothing_clips_and_the_seed_repeats(songs: Path, mixed: list[Path], tmp_path: Path) -> None:
    again = automix(songs, tmp_path, Settings(copies=1), seed=3)
    for folder in again:
        song = read_song(folder)
        parts = [read_part(part, 0, song.samples) for part in song.parts]
        assert max(np.abs(samples).max() for samples in (*parts, sum(parts))) < 1
        (same,) = (other for other in mixed if other.name == folder.name)
        for part in song.parts:
            assert part.path.read_bytes() == (same / part.path.name).read_bytes()
    told: list[str] = []
    assert automix(songs, tmp_path, Settings(copies=1), seed=3, on_step=told.append) == again


def test_limits_of_tempo_and_key(songs: Path) -> None:
    fast, slow = (listen(song, Settings()) for song in scan(songs, "train"))
    assert fast is not None and slow is not None
    found = match(fast, slow, Settings())
    assert isinstance(found, Match) and found.semitones == -2
    assert match(fast, slow, Settings(semitones=1)) is None
    assert match(fast, slow, Settings(tempo_tolerance=0.1)) is None
    assert match(fast, slow, Settings(tempo_factors=(2.0,))) is None


@pytest.mark.parametrize("up", range(-5, 7))
def test_a_transposed_key_is_brought_back(up: int) -> None:
    key = np.random.default_rng(0).random(12)
    assert transposition(key.tolist(), np.roll(key, -up).tolist()) == up


def test_shifts_bring_beats_together() -> None:
    beats = np.cumsum(np.random.default_rng(0).uniform(0.4, 0.6, 60))
    for shift in (-1.5, 0.0, 0.123, 3.0):
        assert best_shift_s(beats, beats - shift, Settings()) == pytest.approx(shift, abs=0.006)
    assert best_shift_s(beats, np.zeros(0), Settings()) == 0


def test_tempo_is_exact_though_beats_are_not() -> None:
    rng = np.random.default_rng(1)
    beats = np.arange(60) * 60 / 111 + rng.uniform(-0.006, 0.006, 60)
    assert tempo(np.delete(beats, [7, 8, 30])) == pytest.approx(111, rel=0.0005)
    assert len(find_beats(np.zeros(3 * RATE, np.float32), RATE)) == 0


def test_songs_without_a_beat_are_refused(tmp_path: Path) -> None:
    hq_song(tmp_path / "train" / "a", 1)
    hq_song(tmp_path / "train" / "b", 2)
    hq_song(tmp_path / "valid" / "c", 3)
    with pytest.raises(UsageError, match="0 of 2 songs have drums with a steady beat"):
        automix(tmp_path, tmp_path / "out")


def test_new_songs_do_not_go_where_the_old_ones_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is where the songs come from"):
        automix(tmp_path, tmp_path / "." / "")

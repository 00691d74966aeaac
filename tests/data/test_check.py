"""A wrong tree is named file by file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.layouts import RATE, hq_song, noise, slakh_song, write
from unbraid.data.agreement import late_by
from unbraid.data.check import check
from unbraid.data.facts import file_facts
from unbraid.data.tracks.found import SoundFile
from unbraid.errors import UsageError


def told(root: Path) -> dict[str, set[str]]:
    """File name -> kinds of faults."""
    faults: dict[str, set[str]] = {}
    for fault in check(root).faults:
        faults.setdefault(Path(fault.file).name, set()).add(fault.kind)
    return faults


def test_nothing_is_said_of_whole_songs(tmp_path: Path) -> None:
    hq_song(tmp_path / "train" / "a", 1)
    hq_song(tmp_path / "test" / "b", 2)
    slakh_song(tmp_path / "train" / "Track00001")
    found = check(tmp_path)
    assert found.faults == () and found.songs == {"train": 1, "valid": 1, "test": 1}


@pytest.mark.parametrize(
    ("file", "samples", "rate", "kind"),
    [
        ("drums.wav", noise(1, 1.5, 48_000), 48_000, "wrong-rate"),
        ("drums.wav", noise(1, 1.2), RATE, "unequal-length"),
        ("mixture.wav", noise(1, 1.9), RATE, "unequal-length"),
        ("bass.wav", np.roll(noise(4 + 2), 700, axis=1), RATE, "misaligned"),
    ],
)
def test_a_file_that_does_not_fit_makes_the_song_unusable(
    tmp_path: Path, file: str, samples: np.ndarray, rate: int, kind: str
) -> None:
    hq_song(tmp_path / "train" / "good", 9)
    hq_song(tmp_path / "train" / "bad", 1)
    write(tmp_path / "train" / "bad" / file, samples, rate)
    found = check(tmp_path)
    assert [(Path(f.file).name, f.kind) for f in found.faults if f.unusable] == [(file, kind)]
    assert found.unusable == ("bad",)
    if kind == "misaligned":
        assert "700 samples" in found.faults[0].what and "too late" in found.faults[0].what


def test_missing_broken_silent_clipped_doubled(tmp_path: Path) -> None:
    song = hq_song(tmp_path / "a", 1)
    (song / "vocals.wav").unlink()
    assert told(tmp_path)["a"] == {"missing-stem"}
    write(song / "vocals.wav", noise(4))
    write(song / "bass.wav", np.zeros_like(noise(1)))
    write(song / "other.wav", np.clip(noise(7) * 100, -1, 1))
    write(song / "talk.wav", noise(99))
    faults = told(tmp_path)
    assert faults["bass.wav"] == {"silent"} and faults["other.wav"] == {"clipped"}
    assert faults["mixture.wav"] == {"mixture"} and faults["talk.wav"] == {"unknown-name"}
    assert check(tmp_path).unusable == ()
    write(song / "other.wav", noise(4))
    assert told(tmp_path)["vocals.wav"] == {"duplicate"}
    (song / "drums.wav").write_bytes((song / "drums.wav").read_bytes()[:60_000])
    assert {"damaged", "unequal-length"} <= told(tmp_path)["drums.wav"]
    (song / "drums.wav").write_bytes(b"nothing")
    assert told(tmp_path)["drums.wav"] == {"corrupt"}


def test_a_second_look_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hq_song(tmp_path / "a", 1)
    hq_song(tmp_path / "b", 2)
    first = check(tmp_path)
    read: list[str] = []

    def spy(path: Path, stream: int | None = None) -> object:
        read.append(path.name)
        raise AssertionError

    monkeypatch.setattr("unbraid.data.facts.open_audio", spy)
    monkeypatch.setattr("unbraid.data.agreement.open_audio", spy)
    assert check(tmp_path) == first and read == []
    write(tmp_path / "a" / "bass.wav", noise(77))
    with pytest.raises(AssertionError):
        check(tmp_path)
    assert read == ["bass.wav"]


def test_the_facts_of_a_file(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros((2, RATE)), noise(1, 1.0)], axis=1)
    facts = file_facts(SoundFile(write(tmp_path / "x.wav", samples)))
    assert (facts.rate, facts.channels, facts.samples, facts.clipped) == (RATE, 2, 2 * RATE, 0)
    assert facts.levels_db == (-100.0, pytest.approx(-26.0, abs=0.3)) and facts.active() == 0.5
    assert file_facts(SoundFile(write(tmp_path / "x.flac", samples))).digest == facts.digest


def test_the_shift_between_two_sounds() -> None:
    sound = noise(1)[0]
    assert late_by(np.roll(sound, 300), sound, 1000) == 300
    assert late_by(np.roll(sound, -300), sound, 1000) == -300
    assert late_by(noise(2)[0], sound, 1000) == 0 and late_by(0 * sound, sound, 1000) == 0


def test_a_broken_description_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no songs"):
        check(tmp_path)
    (tmp_path / "song").mkdir()
    (tmp_path / "song" / "data.json").write_text(json.dumps({"stems": [{}]}))
    (fault,) = check(tmp_path).faults
    assert fault.unusable and fault.file.endswith("data.json")

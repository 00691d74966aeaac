"""``unbraid data`` and ``unbraid studio`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.layouts import hq_song, noise, write
from unbraid.cli.main import _run
from unbraid.data.automix import Settings
from unbraid.data.set import changed
from unbraid.errors import UsageError


def test_check_names_faults_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = hq_song(tmp_path / "a", 1, seconds=0.5)
    assert _run(["data", "check", str(tmp_path)], debug=True) == 0
    assert "0 songs unusable" in capsys.readouterr().out
    write(song / "bass.wav", noise(1, 0.5, 48_000), 48_000)
    assert _run(["data", "check", str(tmp_path)], debug=True) == 1
    assert f"unusable  wrong-rate  {song / 'bass.wav'}: has 48000 Hz" in capsys.readouterr().out
    assert _run(["data", "check", str(tmp_path), "--json"], debug=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["unusable"] == ["a"] and told["faults"][0]["kind"] == "wrong-rate"


def test_check_with_own_names_and_fewer_stems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a" / "Lead.wav", noise(1, 0.3))
    write(tmp_path / "a" / "Band.wav", noise(2, 0.3))
    names = "vocals=lead,drums+bass+other=band"
    cache = tmp_path / "cache"
    assert _run(["data", "check", str(tmp_path), "--stems", names, "--cache", str(cache)], debug=True) == 0
    assert (cache / "facts.json").is_file() and not (tmp_path / ".unbraid").exists()
    assert _run(["data", "check", str(tmp_path), "--stems", "vocals=lead", "--need", "vocals"], debug=True) == 0
    assert _run(["data", "check", str(tmp_path), "--stems", "vocals=lead"], debug=True) == 1
    assert _run(["data", "check", str(tmp_path)], debug=False) == 2
    assert "holds no songs" in capsys.readouterr().err


def test_prepare_says_how_much_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hq_song(tmp_path / "train" / "a", 1, seconds=0.3)
    hq_song(tmp_path / "test" / "b", 2, seconds=0.3)
    assert _run(["data", "prepare", str(tmp_path)], debug=True) == 0
    assert "train: 1 songs" in capsys.readouterr().out
    (tmp_path / "test" / "b" / "bass.wav").write_bytes(b"")
    assert _run(["data", "prepare", str(tmp_path)], debug=True) == 1
    assert "bass.wav" in capsys.readouterr().err


def test_absent_needs_one_judge_and_automix_two_songs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--learn", str(tmp_path), "--model", "compact"]):
        assert _run(["data", "absent", str(tmp_path), str(tmp_path / "t.json"), *more], debug=False) == 2
        assert "to judge by" in capsys.readouterr().err
    hq_song(tmp_path / "train" / "a", 1, seconds=0.3)
    assert _run(["data", "automix", str(tmp_path), str(tmp_path / "out"), "--set", "pitch=1"], debug=False) == 2
    assert "keys are copies" in capsys.readouterr().err


def test_effects_make_songs_once_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hq_song(tmp_path / "train" / "a", 1, seconds=0.3)
    arguments = ["data", "effects", str(tmp_path), str(tmp_path / "out"), "--copies", "2", "--set", "codec_chance=0"]
    assert _run(arguments, debug=True) == 0
    assert "2 songs in" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "train").glob("*/song.json"))) == 2
    assert _run(["data", "effects", str(tmp_path / "out" / "nowhere"), str(tmp_path / "o")], debug=False) == 2
    assert "no songs" in capsys.readouterr().err


def test_the_studio_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["studio", str(tmp_path), "--assets", str(tmp_path / "nowhere")], debug=False) == 2
    assert "scripts/studio-assets.sh" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert (
        _run(["studio", str(tmp_path / "out"), "--assets", str(tmp_path / "empty"), "--songs", "1"], debug=False) == 1
    )
    assert "studio-assets.sh fetches" in capsys.readouterr().err


def test_settings_by_words() -> None:
    settings = changed(Settings(), ["semitones=2", "reach_s=1", "tempo_factors=[1.0]"])
    assert (settings.semitones, settings.reach_s, settings.tempo_factors) == (2, 1.0, (1.0,))
    for wrong in ("semitones=x", "nothing=1", "copies", "copies=0"):
        with pytest.raises(UsageError):
            changed(Settings(), [wrong])

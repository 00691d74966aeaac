from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.conftest import noise, write_song
from tests.runtime.words import write_words
from unbraid.cli.separate import command
from unbraid.errors import UsageError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_words(tmp_path_factory.mktemp("words")))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path / "song.wav", noise(0.3))


def test_json_tells_query_route_and_presence(
    model: str, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command([song], tmp_path / "out", model, ask=["the snare"], without=["vocals"], rest=True, json=True)
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and list(told["stems"])[-3:] == ["the_snare", "no_vocals", "rest"]
    entry = told["stems"]["the_snare"]
    assert entry["query"] == "the snare" and (entry["route"]["kind"], entry["route"]["stem"]) == ("part", "drums")
    assert 0 <= entry["presence"] <= 1 and Path(entry["file"]).name == "the_snare.wav"
    assert "query" not in told["stems"]["drums"]


def test_the_table_tells_it_too(model: str, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = write_song(tmp_path / "quiet.wav", 0 * noise(0.3))
    assert command([song, quiet], tmp_path / "out", model, ask=["the snare", "zither of rain"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the_snare" in said and "presence" in said and "ABSENT" in said


def test_sounds_are_listed(model: str, song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([song], model=model, list_sounds=True, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["song"] == str(song)
    assert {"name", "stem", "presence"} == set(told["sounds"][0])
    assert command([song], model=model, list_sounds=True) == 0
    assert "part of" in capsys.readouterr().out


def test_an_empty_text_is_bad_usage(model: str, song: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty text"):
        command([song], tmp_path / "out", model, ask=[""])
    assert not list((tmp_path / "out").glob("**/*.wav"))


def test_a_format_in_capitals(model: str, song: Path, tmp_path: Path) -> None:
    assert command([song], tmp_path / "out", model, format="FLAC") == 0
    assert list((tmp_path / "out").rglob("vocals.flac"))

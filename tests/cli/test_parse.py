"""Words on the command line."""

from __future__ import annotations

import pytest

from unbraid.cli.main import _misspelt, _with_command
from unbraid.cli.separate import seconds
from unbraid.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0.0), ("83.5", 83.5), ("1:23.5", 83.5), ("1:02:03", 3723.0), ("90", 90.0)]
)
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1:60", "-3", "1:2:3:4", "nan", "inf", "1:-2", ":"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="no time"):
        seconds(text)


def test_a_song_alone_means_separate() -> None:
    assert _with_command(["song.mp3", "--json"]) == ["separate", "song.mp3", "--json"]
    assert _with_command(["--karaoke", "song.mp3"]) == ["separate", "--karaoke", "song.mp3"]
    assert _with_command(["--", "-song.mp3"]) == ["separate", "--", "-song.mp3"]
    assert _misspelt(["seperate", "song.mp3"]) == "separate" and _misspelt(["modells", "list"]) == "models"
    assert not any(map(_misspelt, (["seperate"], ["seperate.mp3", "b.mp3"], ["album", "b.mp3"], ["--json", "x"], [])))
    for words in (["separate", "x"], ["models"], ["doctor"], ["--help"], ["--version"], []):
        assert _with_command(words) == words

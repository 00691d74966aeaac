"""Messages stay one printable line."""

from __future__ import annotations

import os

import pytest

from unbraid.audio.say import clock, shown


def test_ordinary_names_are_shown_as_they_are() -> None:
    assert shown("Motörhead – 名 🎸.mp3") == "Motörhead – 名 🎸.mp3"


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", os.fsdecode(b"a\xffb"), "a\u2028b", "a\x00b"])
def test_nothing_in_a_name_can_break_the_line_or_the_terminal(name: str) -> None:
    told = shown(name)
    assert told.isprintable()
    assert told.startswith("a\\") and told.endswith("b")
    told.encode("utf-8")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00.0"), (83.44, "1:23.4"), (59.96, "1:00.0"), (3600, "60:00.0"), (9.95, "0:10.0")]
)
def test_moments(seconds: float, told: str) -> None:
    assert clock(seconds) == told

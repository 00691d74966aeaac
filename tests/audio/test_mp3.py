"""The LAME header says how long an MP3 is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audio.sounds import noise, plain_length
from unbraid.audio.mp3 import set_length
from unbraid.audio.tags import Tags
from unbraid.audio.write import write_audio


@pytest.mark.parametrize("rate", [44100, 22050])
@pytest.mark.parametrize("length", [3456, 3457, 3480, 3502, 3503, 4040, 4070])
def test_padding_that_reaches_into_the_last_frame_but_one_is_counted(tmp_path: Path, length: int, rate: int) -> None:
    path = tmp_path / "a.mp3"
    write_audio(path, [noise(length)], rate, 2, format="mp3", tags=Tags({"title": "x" * 500}))
    assert plain_length(path) == length


def test_a_shorter_length_can_be_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    write_audio(path, [noise(10_000)], 44100, 2, format="mp3")
    with path.open("r+b") as file:
        set_length(file, 9_500, 44100)
    assert plain_length(path) == 9_500


@pytest.mark.parametrize("content", [b"", b"ID3", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb" + bytes(500), bytes(40) + b"Info"])
def test_what_has_no_such_header_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with path.open("r+b") as file:
        set_length(file, 100, 44100)
    assert path.read_bytes() == content

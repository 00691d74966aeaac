"""Songs by list: lines, zero bytes, playlists, standard input."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from unbraid.api.lists import songs_listed
from unbraid.errors import UsageError


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a.mp3\nsub/b c.flac\n\n", ["a.mp3", "sub/b c.flac"]),
        (b"a.mp3\r\nb.mp3\r\n", ["a.mp3", "b.mp3"]),
        (b"with\nnewline.mp3\0other.mp3\0", ["with\nnewline.mp3", "other.mp3"]),
        (b"\xef\xbb\xbf# a song.mp3", ["# a song.mp3"]),
        ("Günther\u2028.mp3".encode(), ["Günther\u2028.mp3"]),
        ("ä.mp3\r\nb.mp3\r\n".encode("utf-16"), ["ä.mp3", "b.mp3"]),
    ],
)
def test_a_list_names_songs(tmp_path: Path, raw: bytes, expected: list[str]) -> None:
    (tmp_path / "list.txt").write_bytes(raw)
    assert songs_listed(tmp_path / "list.txt") == [Path(name) for name in expected]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"M\xfcnchen.mp3\n")
    assert os.fsencode(songs_listed(tmp_path / "list.txt")[0]) == b"M\xfcnchen.mp3"


def test_a_playlist_goes_from_its_own_folder(tmp_path: Path) -> None:
    playlist = tmp_path / "party.M3U8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:123,Artist - Song\nalbum/song.mp3\n{tmp_path / 'elsewhere.mp3'}\n")
    assert songs_listed(playlist) == [tmp_path / "album" / "song.mp3", tmp_path / "elsewhere.mp3"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.mp3\nb.mp3\n")))
    assert songs_listed(Path("-")) == [Path("a.mp3"), Path("b.mp3")]


@pytest.mark.parametrize("raw", [b"", b"\n \n"])
def test_a_list_without_songs_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(raw)
    with pytest.raises(UsageError, match="names no song"):
        songs_listed(tmp_path / "list.txt")


def test_something_binary_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"RIFF\0\0\0\0WAVE\1\0")
    with pytest.raises(UsageError, match="something binary"):
        songs_listed(tmp_path / "song.wav")


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="no standard input"):
        songs_listed(Path("-"))


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no list of songs"):
        songs_listed(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="no list of songs"):
        songs_listed(tmp_path)

"""What a WAV header claims against what is there."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest

from unbraid.audio.riff import data_chunk

SOUND = bytes(range(1, 251)) * 8  # 500 samples in stereo, 16 bit; no letters at the places where chunks could begin


def wav(claimed: int, sound: bytes = SOUND, behind: bytes = b"", before: bytes = b"") -> BytesIO:
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176_400, 4, 16)
    body = b"WAVE" + before + form + b"data" + struct.pack("<I", claimed) + sound + behind
    return BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body)


INFO = b"LIST" + struct.pack("<I", 4) + b"INFO"


def test_the_truth() -> None:
    chunk = data_chunk(wav(2000))
    assert chunk is not None
    assert (chunk.claimed, chunk.there, chunk.byte_rate) == (2000, 2000, 176_400)
    assert not (chunk.too_long or chunk.too_short or chunk.empty)
    assert chunk.seconds(176_400) == 1.0


@pytest.mark.parametrize("behind", [INFO, b"\0" * 100, b"\0", b"TAG" + b"x" * 125])
def test_chunks_padding_and_old_tags_behind_are_no_lost_sound(behind: bytes) -> None:
    chunk = data_chunk(wav(2000, behind=behind))
    assert chunk is not None and not chunk.too_short


@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_odd_lengths_with_and_without_the_pad_byte(pad: bytes) -> None:
    chunk = data_chunk(wav(1999, SOUND[:1999], pad + INFO))
    assert chunk is not None and not chunk.too_short


def test_too_long_too_short_and_unknown() -> None:
    cases = {wav(5000): (True, False), wav(1000): (False, True), wav(0): (False, True), wav(0xFFFFFFFF): (False, False)}
    for file, expected in cases.items():
        chunk = data_chunk(file)
        assert chunk is not None and (chunk.too_long, chunk.too_short) == expected
        assert not chunk.empty


def test_empty() -> None:
    for file in (wav(0, b""), wav(0, b"", INFO), wav(0xFFFFFFFF, b"")):
        chunk = data_chunk(file)
        assert chunk is not None and chunk.empty


def test_rf64_says_its_size_elsewhere() -> None:
    data = bytearray(wav(0xFFFFFFFF, before=b"ds64" + struct.pack("<IQQQI", 28, 0, 2000, 500, 0)).getvalue())
    data[:4] = b"RF64"
    chunk = data_chunk(BytesIO(data))
    assert chunk is not None and chunk.claimed == 2000


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFF\0\0\0\0AVI LIST", b"fLaC" + bytes(50), wav(2000).getvalue()[:30], b"RIFF" + bytes(8)],
)
def test_other_files_are_none(content: bytes) -> None:
    file = BytesIO(content)
    assert data_chunk(file) is None
    assert file.tell() == 0


def test_a_chain_of_chunks_without_end_is_given_up() -> None:
    assert data_chunk(BytesIO(b"RIFF\0\0\0\0WAVE" + (b"junk" + bytes(4)) * 5000)) is None

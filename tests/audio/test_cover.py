"""Pictures are recognised and measured, not decoded."""

from __future__ import annotations

import struct

from tests.audio.sounds import jpeg, png
from unbraid.audio.cover import LIMIT, Cover, cover_of


def test_png_and_jpeg_are_known_by_their_first_bytes() -> None:
    assert cover_of(png()) == Cover(png(), "image/png")
    assert cover_of(jpeg()) == Cover(jpeg(), "image/jpeg")
    assert cover_of(b"GIF89a") is None
    assert cover_of(b"") is None


def test_what_no_format_could_hold_is_dropped() -> None:
    assert cover_of(png() + bytes(LIMIT)) is None


def test_sizes() -> None:
    assert Cover(png(7, 5), "image/png").size == (7, 5)
    assert Cover(jpeg(300, 200), "image/jpeg").size == (300, 200)


def test_broken_pictures_have_a_size_too() -> None:
    for data in (
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\xff\xff",
        b"\xff\xd8\xff\xe0\0\0" * 3,
        b"\xff\xd8\xff" + bytes(50),
    ):
        assert Cover(data, "image/jpeg").size == (1, 1)
    assert Cover(b"\x89PNG\r\n\x1a\n", "image/png").size == (1, 1)


def test_the_flac_block_holds_picture_and_size() -> None:
    block = Cover(png(7, 5), "image/png").flac_block()
    assert struct.unpack_from(">I", block)[0] == 3
    assert struct.unpack_from(">II", block, 8 + len("image/png") + 4) == (7, 5)
    assert block.endswith(png(7, 5))

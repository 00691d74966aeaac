"""Boxes of an MP4 file (ISO/IEC 14496-12), as far as it takes to put one more into ``moov/udta``."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_HEAD = 8


@dataclass(frozen=True)
class Box:
    """name: four letters. start: of its header in the file. body: where its content starts. end: behind it."""

    name: bytes
    start: int
    body: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes that follow each other from ``start`` to ``end``; stops at what is none."""
    while start + _HEAD <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(_HEAD))
        body = start + _HEAD
        if size == 1:
            size, body = struct.unpack(">Q", file.read(8))[0], body + 8
        elif size == 0:
            size = end - start
        if start + size > end or body > start + size:
            return
        yield Box(name, start, body, start + size)
        start += size


def find(file: BinaryIO, *path: bytes) -> Box | None:
    """The box at ``path`` (from the top of the file, one name a level)."""
    start, end = 0, file.seek(0, 2)
    box = None
    for name in path:
        box = next((box for box in boxes(file, start, end) if box.name == name), None)
        if box is None:
            return None
        start, end = box.body, box.end
    return box


def add_to_udta(file: BinaryIO, name: bytes, content: bytes) -> None:
    """Put a box into ``moov/udta`` of a file whose ``moov`` is its last box, as FFmpeg writes it.

    Only ``moov`` moves, and it is behind the samples: the offsets in it stay true.
    """
    moov = find(file, b"moov")
    assert moov is not None and moov.end == file.seek(0, 2) and moov.body == moov.start + _HEAD
    udta = find(file, b"moov", b"udta")
    added = struct.pack(">I4s", _HEAD + len(content), name) + content
    file.seek(moov.start)
    body = bytearray(file.read())
    if udta is None:
        added = struct.pack(">I4s", _HEAD + len(added), b"udta") + added
        body += added
    else:
        inside = udta.start - moov.start
        body[udta.end - moov.start : udta.end - moov.start] = added
        struct.pack_into(">I", body, inside, udta.end - udta.start + len(added))
    struct.pack_into(">I", body, 0, len(body))
    file.seek(moov.start)
    file.write(body)

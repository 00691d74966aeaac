"""Cover art: a picture that is carried along as it is and never decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

LIMIT = (1 << 24) - 1024
"""Bytes; a FLAC block holds no more than 2^24."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_FRONT = 3
_NO_SIZE_IN = (0xC4, 0xC8, 0xCC)
"""Markers between 0xC0 and 0xCF that are no start of frame (ITU-T T.81, table B.1)."""


@dataclass(frozen=True)
class Cover:
    """data: a PNG or JPEG file. mime: ``image/png`` or ``image/jpeg``."""

    data: bytes
    mime: str

    @property
    def codec(self) -> str:
        """FFmpeg's name for it."""
        return "png" if self.mime == "image/png" else "mjpeg"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as the picture says; (1, 1) if it does not say."""
        if self.mime == "image/png" and len(self.data) >= 24:
            width, height = struct.unpack_from(">II", self.data, 16)
        else:
            width, height = _jpeg_size(self.data)
        return (width, height) if 0 < width < 1 << 15 and 0 < height < 1 << 15 else (1, 1)

    def flac_block(self) -> bytes:
        """As a FLAC picture (RFC 9639, section 8.8), front cover."""
        mime = self.mime.encode("ascii")
        head = struct.pack(">II", _FRONT, len(mime)) + mime + struct.pack(">I", 0)
        return head + struct.pack(">5I", *self.size, 24, 0, len(self.data)) + self.data


def cover_of(data: bytes) -> Cover | None:
    """``data`` if it begins as a PNG or JPEG and is not larger than every format can hold."""
    if len(data) > LIMIT:
        return None
    if data.startswith(_PNG):
        return Cover(data, "image/png")
    return Cover(data, "image/jpeg") if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the first start of frame; (0, 0) if there is none."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE_IN:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + length
    return 0, 0

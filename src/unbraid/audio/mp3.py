"""How long an MP3 really is: the LAME header, put right.

MP3 holds whole frames of 1152 samples (576 at the lower rates). How many samples to drop at both ends stands in the
LAME extension of the first frame (http://gabriel.mp3-tech.org/mp3infotag.html). FFmpeg's writer counts only the padding
of the last frame, so a song whose padding reaches into the last but one would be read up to 46 samples too long.
"""

from __future__ import annotations

from typing import BinaryIO

_MPEG1_FROM = 32_000
_TO_LAME = 4 + 4 + 4 + 4 + 100 + 4
"""Bytes from the name "Xing" or "Info" to the LAME extension: name, flags, frames, bytes, table, quality."""
_DELAY, _CHECKSUM, _CHECKED = 21, 34, 190
_SEARCHED = 4096


def set_length(file: BinaryIO, samples: int, rate: int) -> None:
    """State in the LAME header of ``file`` that it holds ``samples``; does nothing if it has no such header."""
    start = _after_id3(file)
    file.seek(start)
    frame = bytearray(file.read(_SEARCHED))
    name = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if name < 0 or len(frame) < _CHECKED:
        return
    frames = int.from_bytes(frame[name + 8 : name + 12], "big")
    lame = name + _TO_LAME
    delay = int.from_bytes(frame[lame + _DELAY : lame + _DELAY + 3], "big") >> 12
    padding = frames * (1152 if rate >= _MPEG1_FROM else 576) - delay - samples
    if not 0 <= padding < 1 << 12:
        return
    frame[lame + _DELAY : lame + _DELAY + 3] = (delay << 12 | padding).to_bytes(3, "big")
    frame[lame + _CHECKSUM : lame + _CHECKSUM + 2] = bytes(2)
    checksum = _crc16(frame[:_CHECKED])
    frame[lame + _CHECKSUM : lame + _CHECKSUM + 2] = checksum.to_bytes(2, "big")
    file.seek(start)
    file.write(frame)


def _after_id3(file: BinaryIO) -> int:
    """Where the first frame begins."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _crc16(data: bytes | bytearray) -> int:
    """CRC-16 with the polynomial 0x8005, lowest bit first."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register

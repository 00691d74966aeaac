"""Writing WAV: RIFF, or RF64 (EBU Tech 3306) where 32 bits are too few for the size.

If the length is not known beforehand, a ``JUNK`` chunk keeps the place that RF64's ``ds64`` would need.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.id3 import id3_tag
from unbraid.audio.quantize import Quantizer
from unbraid.audio.tags import Tags
from unbraid.errors import OutputError
from unbraid.signal import Samples

RIFF_LIMIT = (1 << 32) - 1
"""Largest size that RIFF can state, in bytes."""

_IN_DS64 = RIFF_LIMIT
_DS64_SIZE = 28
_MOST_CHANNELS = 0xFFFF // 4
_INT24 = np.dtype([("low", "<u2"), ("high", "u1")])
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_SPEAKERS = {1: 0x4, 2: 0x3, 6: 0x3F, 8: 0x63F}
_INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "genre": b"IGNR",
    "comment": b"ICMT",
    "track": b"IPRT",
    "copyright": b"ICOP",
}


class WavEncoder:
    """Writes float32 blocks as 16 or 24 bit integers or as float32 (``bits`` None: never clipped, never changed)."""

    def __init__(
        self, file: BinaryIO, rate: int, channels: int, bits: int | None, tags: Tags, samples: int | None, seed: int
    ) -> None:
        if channels > _MOST_CHANNELS:
            raise OutputError(f"WAV holds at most {_MOST_CHANNELS} channels; {channels} were given")
        self._file, self._rate, self._channels, self._bits = file, rate, channels, bits
        self._quantizer = Quantizer(bits, seed) if bits else None
        self._tail = _tail(tags)
        self._written = 0
        self._has_room = False
        if samples is None or self._riff_size(samples * self._frame) > RIFF_LIMIT:
            self._has_room = True
        file.write(self._header())

    @property
    def clipped(self) -> int:
        return self._quantizer.clipped if self._quantizer else 0

    @property
    def not_finite(self) -> int:
        return self._quantizer.not_finite if self._quantizer else 0

    def write(self, block: Samples) -> None:
        """Append ``block[channel, time]``."""
        if self._quantizer is None:
            data = _interleaved(block, "<f4")
        elif self._bits == 16:
            data = _interleaved(self._quantizer(block), "<i2")
        else:
            data = _three_bytes(self._quantizer(block))
        self._file.write(data.reshape(-1).view(np.uint8).data)
        self._written += data.nbytes

    def finish(self) -> None:
        """Tags behind the sound, true sizes in the header."""
        self._file.write(b"\0" * (self._written % 2) + self._tail)
        self._file.seek(0)
        self._file.write(self._header())

    def abandon(self) -> None:
        """Nothing is held but the file, which is not ours."""

    @property
    def _frame(self) -> int:
        """Bytes of one sample on all channels."""
        return self._channels * (self._bits or 32) // 8

    def _riff_size(self, data: int) -> int:
        """What RIFF counts: everything after its first eight bytes."""
        room = 8 + _DS64_SIZE if self._has_room else 0
        return 4 + room + len(self._format(0)) + 8 + data + data % 2 + len(self._tail)

    def _header(self) -> bytes:
        data, riff = self._written, self._riff_size(self._written)
        samples = data // self._frame
        if riff <= RIFF_LIMIT:
            room = _chunk(b"JUNK", bytes(_DS64_SIZE)) if self._has_room else b""
            top = struct.pack("<4sI4s", b"RIFF", riff, b"WAVE")
            return top + room + self._format(samples) + struct.pack("<4sI", b"data", data)
        if not self._has_room:
            raise OutputError("more samples came than were announced, too many for a RIFF file")
        top = struct.pack("<4sI4s", b"RF64", _IN_DS64, b"WAVE")
        ds64 = _chunk(b"ds64", struct.pack("<QQQI", riff, data, samples, 0))
        return top + ds64 + self._format(min(samples, _IN_DS64)) + struct.pack("<4sI", b"data", _IN_DS64)

    def _format(self, samples: int) -> bytes:
        """``fmt ``, in the extensible form if there are more than two channels; for floats ``fact`` behind it."""
        kind, width = (_PCM, self._bits) if self._bits else (_FLOAT, 32)
        rate, frame = self._rate, self._frame
        body = struct.pack("<HIIHH", self._channels, rate, rate * frame & 0xFFFFFFFF, frame, width)
        if self._channels > 2:
            speakers = _SPEAKERS.get(self._channels, 0)
            body = struct.pack("<H", _EXTENSIBLE) + body + struct.pack("<HHIH", 22, width, speakers, kind) + _GUID_TAIL
        else:
            body = struct.pack("<H", kind) + body + (b"" if self._bits else b"\0\0")
        return _chunk(b"fmt ", body) + (b"" if self._bits else _chunk(b"fact", struct.pack("<I", samples)))


def _tail(tags: Tags) -> bytes:
    """``LIST INFO`` for old programs, ``id3 `` with everything, the cover too, for newer ones."""
    entries = b"".join(
        _chunk(_INFO[name], value.encode("utf-8", "replace") + b"\0")
        for name, value in tags.values.items()
        if name in _INFO
    )
    id3 = id3_tag(tags)
    return (_chunk(b"LIST", b"INFO" + entries) if entries else b"") + (_chunk(b"id3 ", id3) if id3 else b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _interleaved(block: NDArray[Any], kind: str) -> NDArray[Any]:
    """``[channel, time]`` to ``[time, channel]``; a channel at a time is several times faster than the transpose."""
    out = np.empty(block.shape[::-1], kind)
    for channel, samples in enumerate(block):
        out[:, channel] = samples
    return out


def _three_bytes(block: NDArray[np.int32]) -> NDArray[Any]:
    """``[channel, time]`` to ``[time, channel]`` of 24 bits; two copies a channel beat one of three bytes."""
    out = np.empty(block.shape[::-1], _INT24)
    for channel, samples in enumerate(block.astype("<i4", copy=False)):
        out["low"][:, channel], out["high"][:, channel] = samples.view("<u2")[::2], samples.view("u1")[2::4]
    return out

"""What the header of a WAV file says about its length, set against what is there.

Recorders that lost power leave a zero or a guess in the header, pipes leave 0xFFFFFFFF, and files past 4 GiB without
RF64 leave the size modulo 2^32. A player that believes them loses sound without a word.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN = 0xFFFFFFFF
_CHUNKS = 1000
_PADDING = 1 << 12


@dataclass(frozen=True)
class DataChunk:
    """The chunk that holds the samples.

    claimed: its bytes as the header says, or None if the header says it does not know.
    there: bytes from its beginning to the end of the file.
    followed: whether another chunk begins where it should end.
    byte_rate: bytes a second.
    """

    claimed: int | None
    there: int
    followed: bool
    byte_rate: int

    @property
    def too_short(self) -> bool:
        """More sound follows than the header admits (an empty chunk before other chunks is just empty)."""
        return self.claimed is not None and self.claimed + 1 < self.there and not self.followed

    @property
    def too_long(self) -> bool:
        return self.claimed is not None and self.claimed > self.there

    @property
    def empty(self) -> bool:
        return self.there == 0 or (self.claimed == 0 and self.followed)

    def seconds(self, size: int) -> float:
        return size / self.byte_rate if self.byte_rate else 0.0


def data_chunk(file: BinaryIO) -> DataChunk | None:
    """The data chunk of a RIFF or RF64 WAVE file; None if this is not one. Leaves the file at its beginning."""
    try:
        return _find(file)
    finally:
        file.seek(0)


def _find(file: BinaryIO) -> DataChunk | None:
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    length = file.seek(0, 2)
    position, byte_rate, long_size = 12, 0, None
    for _ in range(_CHUNKS):
        file.seek(position)
        name, size = _header(file.read(8))
        if not name:
            return None
        start = position + 8
        if name == b"ds64":
            fields = file.read(16)
            long_size = struct.unpack("<QQ", fields)[1] if len(fields) == 16 else None
        elif name == b"fmt ":
            fields = file.read(12)
            byte_rate = struct.unpack("<HHII", fields)[3] if len(fields) == 12 else 0
        elif name == b"data":
            claimed = (long_size if head[:4] == b"RF64" else None) if size == _UNKNOWN else size
            followed = claimed is not None and _chunk_at(file, start + claimed)
            return DataChunk(claimed, length - start, followed, byte_rate)
        position = start + size + size % 2
    return None


def _header(eight: bytes) -> tuple[bytes, int]:
    return (eight[:4], int.from_bytes(eight[4:], "little")) if len(eight) == 8 else (b"", 0)


def _chunk_at(file: BinaryIO, position: int) -> bool:
    """Whether what begins here is no sound but another chunk, named by four letters, or zeros that fill up the file.

    Chunks begin at even positions, but some writers forget the pad byte.
    """
    for start in {position, position + position % 2}:
        file.seek(start)
        rest = file.read(_PADDING + 1)
        if len(rest) >= 8 and rest[:4].isascii() and rest[:4].decode("ascii").isprintable():
            return True
    return 0 < len(rest) <= _PADDING and not any(rest)

"""MIDI files inside Doom's WAD archives (a header, the lumps, and a directory of 16-byte entries)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from unbraid.errors import AudioError

_HEADER = struct.Struct("<4sii")
_ENTRY = struct.Struct("<ii8s")


def midi_lumps(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each lump that is a MIDI file, in the archive's order.

    Raises:
        AudioError: the file is no WAD archive.
    """
    data = path.read_bytes()
    if data[:4] not in (b"IWAD", b"PWAD"):
        raise AudioError(f"{path}: is no WAD archive (it does not begin with IWAD or PWAD)")
    _, count, directory = _HEADER.unpack_from(data)
    for number in range(count):
        start, length, name = _ENTRY.unpack_from(data, directory + number * _ENTRY.size)
        lump = data[start : start + length]
        if lump[:4] == b"MThd":
            yield name.rstrip(b"\0").decode("ascii", "replace"), lump

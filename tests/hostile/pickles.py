"""Checkpoints that would do harm to a reader that trusts them, and the containers they come in."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
MACHINE = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class Call:
    """Pickled as a call of ``function`` with ``arguments``, which happens when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def pickled(value: object, protocol: int) -> bytes:
    return pickle.dumps(value, protocol)


def as_zip(data: bytes, members: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file of torch.save with ``data`` as its pickle."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as file:
        file.writestr("archive/data.pkl", data)
        for name, content in (members or {"version": b"3\n"}).items():
            file.writestr(f"archive/{name}", content)
    return archive.getvalue()


def as_stream(data: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    """The same in the format before torch 1.6; storages hold float32."""
    kept = storages or {}
    head = [pickle.dumps(value, 2) for value in (MAGIC, VERSION, MACHINE)]
    tail = b"".join(struct.pack("<q", len(content) // 4) + content for content in kept.values())
    return b"".join(head) + data + pickle.dumps(list(kept), 2) + tail


def as_raw(data: bytes) -> bytes:
    """Nothing but the pickle."""
    return data


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {"zip": as_zip, "stream": as_stream, "raw": as_raw}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def global_(module: str, name: str) -> bytes:
    """The instruction that names an object."""
    return f"c{module}\n{name}\n".encode()


def tensor(numel: int, offset: str = "K\x00", shape: bytes = b"K\x02\x85", stride: bytes = b"K\x01\x85") -> bytes:
    """A pickled float32 tensor on a storage "0" that is said to hold ``numel`` numbers."""
    key = b"(X\x07\x00\x00\x00storage" + global_("torch", "FloatStorage") + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    size = b"\x8a\x08" + struct.pack("<q", numel)
    return (
        global_("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + key
        + size
        + b"tQ"
        + offset.encode("latin-1")
        + shape
        + stride
        + b"\x89}tR"
    )


def state(weight: bytes) -> bytes:
    """A pickled dictionary with one weight."""
    return b"\x80\x02}X\x06\x00\x00\x00weight" + weight + b"s."

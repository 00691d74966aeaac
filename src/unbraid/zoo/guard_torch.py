"""The two file formats of ``torch.save``, read without torch: zip archives (since 1.6) and the stream before them.

Data are read as views of numpy arrays, so a file that refers to one tensor a thousand times costs memory once. No
more is ever read than the file itself holds, or than a cap where the file is compressed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import StorageRef, TensorRef, reason, shown
from unbraid.zoo.guard_pickle import read_pickle

Array = NDArray[Any]
Fetch = Callable[[StorageRef], Array]

MAGIC = 0x1950A86A20F9469CFC6C
_STREAM_VERSION = 1001
_ZIP = b"PK\x03\x04"
_MOST_MEMBERS = 100_000


def read_torch(stream: IO[bytes], size: int) -> Any:
    """The value in a file of ``torch.save`` that may take ``size`` bytes, its tensors as numpy arrays.

    Raises ModelError, as :func:`read_pickle` does.
    """
    start = stream.read(len(_ZIP))
    stream.seek(0)
    return _read_zip(stream, size) if start == _ZIP else _read_stream(stream, size)


def _read_zip(stream: IO[bytes], size: int) -> Any:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = _check_members(archive, size)
            root = _root(members)
            if "byteorder" in _under(members, root) and archive.read(f"{root}/byteorder") != b"little":
                raise ModelError("was written on a big-endian machine")
            value = read_pickle(io.BytesIO(archive.read(f"{root}/data.pkl")))

            def fetch(ref: StorageRef) -> Array:
                name = f"{root}/data/{ref.key}"
                if name not in members:
                    raise ModelError(f"lacks the data {shown(ref.key)} that it names")
                return _elements(archive.read(name), ref)

            return _with_arrays(value, fetch)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, ValueError) as error:
        raise ModelError(f"is not a zip archive that can be read ({reason(error)})") from error


def _check_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name. They are stored as they are, none twice, and together no larger than the file."""
    listed = archive.infolist()
    members = {member.filename: member for member in listed}
    if len(listed) > _MOST_MEMBERS or len(members) != len(listed):
        raise ModelError("is a zip archive of too many members, or of two with one name")
    for member in listed:
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ModelError("is a compressed zip archive; torch stores its data as they are")
    if sum(member.file_size for member in listed) > size:
        raise ModelError("is a zip archive whose members claim more bytes than it has")
    return members


def _root(members: dict[str, zipfile.ZipInfo]) -> str:
    """The one folder that torch puts everything into."""
    roots = [name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ModelError("is a zip archive without data.pkl, so no file of torch.save")
    if f"{roots[0]}/constants.pkl" in members:
        raise ModelError("is a TorchScript program; only weights are read")
    return roots[0]


def _under(members: dict[str, zipfile.ZipInfo], root: str) -> set[str]:
    return {name.removeprefix(f"{root}/") for name in members}


def _read_stream(stream: IO[bytes], size: int) -> Any:
    """Five pickles (magic number, version, machine, value, keys), then each storage: its size and its bytes."""
    if read_pickle(stream) != MAGIC:
        raise ModelError("is not a file of torch.save")
    version, machine = read_pickle(stream), read_pickle(stream)
    if version != _STREAM_VERSION or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ModelError("is a file of torch.save of a kind that is not read")
    value, keys = read_pickle(stream), read_pickle(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ModelError("does not list its data")
    refs = {ref.key: ref for ref in _storages(value)}
    total = sum(ref.size * _width(ref) for ref in refs.values())
    if total > size:
        raise ModelError(f"claims {total} bytes of data, more than it has")
    held: dict[str, Array] = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        if key not in refs or count != refs[key].size:
            raise ModelError(f"lists the data {shown(key)} with another size than it uses")
        held[key] = _elements(stream.read(count * _width(refs[key])), refs[key])

    def fetch(ref: StorageRef) -> Array:
        if ref.key not in held or ref != refs[ref.key]:
            raise ModelError(f"lacks the data {shown(ref.key)} that it names")
        return held[ref.key]

    return _with_arrays(value, fetch)


def _width(ref: StorageRef) -> int:
    return 2 if ref.dtype == "bfloat16" else np.dtype(ref.dtype).itemsize


def _elements(data: bytes, ref: StorageRef) -> Array:
    """The bytes of a storage as numbers; bfloat16, which numpy lacks, as float32."""
    if len(data) != ref.size * _width(ref):
        raise ModelError(f"has {len(data)} bytes of the data {shown(ref.key)}, not {ref.size * _width(ref)}")
    if ref.dtype == "bfloat16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, np.dtype(ref.dtype).newbyteorder("<"))


def _storages(value: Any) -> list[StorageRef]:
    found: list[StorageRef] = []

    def note(ref: StorageRef) -> Array:
        found.append(ref)
        return np.empty(0)

    _Walk(note, views=False).walk(value)
    return found


def _with_arrays(value: Any, fetch: Fetch) -> Any:
    return _Walk(fetch, views=True).walk(value)


class _Walk:
    """Copies plain values and puts an array in the place of each tensor; visits a shared or cyclic value once."""

    def __init__(self, fetch: Fetch, views: bool) -> None:
        self._fetch, self._views = fetch, views
        self._held: dict[StorageRef, Array] = {}
        self._done: dict[int, Any] = {}
        self._keep: list[Any] = []

    def walk(self, value: Any) -> Any:
        try:
            return self._copy(value)
        except RecursionError as error:
            raise ModelError("is nested too deeply") from error

    def _copy(self, value: Any) -> Any:
        if isinstance(value, TensorRef):
            return self._array(value)
        if not isinstance(value, (dict, list, tuple)):
            return value
        if id(value) in self._done:
            return self._done[id(value)]
        self._keep.append(value)
        if isinstance(value, dict):
            table: dict[Any, Any] = {}
            self._done[id(value)] = table
            table.update((key, self._copy(item)) for key, item in value.items())
            return table
        if isinstance(value, list):
            row: list[Any] = []
            self._done[id(value)] = row
            row.extend(self._copy(item) for item in value)
            return row
        copied = self._done[id(value)] = tuple(self._copy(item) for item in value)
        return copied

    def _array(self, ref: TensorRef) -> Array:
        if ref.storage not in self._held:
            self._held[ref.storage] = self._fetch(ref.storage)
        if not self._views:
            return self._held[ref.storage]
        data = self._held[ref.storage][ref.offset :]
        if 0 in ref.shape:
            return np.zeros(ref.shape, data.dtype)
        steps = tuple(step * data.itemsize for step in ref.strides)
        return np.lib.stride_tricks.as_strided(data, ref.shape, steps, writeable=False)

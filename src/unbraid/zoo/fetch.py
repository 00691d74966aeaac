"""Weights from the network: fetched once, checked before anything opens them, never half there.

    NAME.part  <-- bytes, continued where an earlier attempt stopped
    NAME       <-- NAME.part, in one step, once its SHA-256 is the one of the catalogue

One process fetches a file at a time; others wait for the lock and then find it there. Proxies are those of the
environment (``https_proxy`` ...). ``UNBRAID_MIRROR``, an address (http, https, file) under which the files lie by their
names, is tried before the catalogue's own places.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from unbraid.errors import ModelError, OutputError, UsageError
from unbraid.zoo.catalogue import Address, Entry, Weights
from unbraid.zoo.lock import locked

OnBytes = Callable[[str, int, int | None], None]
"""Told (file name, bytes there, bytes in all if known); may raise to stop."""

MIRROR = "UNBRAID_MIRROR"
_ATTEMPTS = 3
_BLOCK = 1 << 18
_LARGEST = 8 << 30
_TIMEOUT_S = 30
_NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError)


class _Cut(Exception):
    """A connection that ended or failed; what has come so far is kept."""


def fetch(entry: Entry, home: Path, *, offline: bool = False, on_bytes: OnBytes | None = None) -> list[Path]:
    """The checked files of ``entry`` in ``home``, fetched if they are not there; in the order of its bag.

    Raises ModelError if one cannot be had, with what to do; OutputError if there is no room or no right to write.
    """
    return [fetch_weights(file, home, offline=offline, on_bytes=on_bytes) for file in entry.files]


def fetch_weights(file: Weights, home: Path, *, offline: bool = False, on_bytes: OnBytes | None = None) -> Path:
    """As :func:`fetch`, for one checkpoint."""
    there = present(file, home)
    if there is not None:
        return there
    folder = folder_in(home)
    if offline:
        raise ModelError(_what_to_copy(file, folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{file.signature}.lock"):
            return present(file, home) or _from_anywhere(file, folder, on_bytes)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error


def present(file: Weights, home: Path) -> Path | None:
    """The file of ``file`` that is in ``home`` with the right checksum, if there is one."""
    for address in file.addresses:
        path = folder_in(home) / address.filename
        if path.is_file() and matches(path, address):
            return path
    return None


def folder_in(home: Path) -> Path:
    return home / "weights"


def matches(path: Path, address: Address) -> bool:
    """Whether the bytes of ``path`` are those that the catalogue means."""
    if address.size is not None and path.stat().st_size != address.size:
        return False
    return _sum(path).startswith(address.sha256)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _what_to_copy(file: Weights, folder: Path) -> str:
    first = file.addresses[0]
    return (
        f"{first.filename} is not on this computer and the network is not to be used (offline); "
        f"copy {first.url} to {folder / first.filename}, or run `unbraid models find`"
    )


def _from_anywhere(file: Weights, folder: Path, on_bytes: OnBytes | None) -> Path:
    """The first place that gives the right bytes; what went wrong with the others, if none does."""
    troubles = []
    for address in _places(file):
        try:
            return _from(address, folder, on_bytes)
        except (_Cut, ModelError) as error:
            troubles.append(f"{address.url}: {error}")
    raise ModelError(f"{'; '.join(troubles)}. {_by_hand(file, folder)}")


def _by_hand(file: Weights, folder: Path) -> str:
    first = file.addresses[0]
    return f"Try again later, set {MIRROR} or https_proxy, or put {first.filename} into {folder} by hand"


def _places(file: Weights) -> Iterator[Address]:
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if mirror:
        if not mirror.startswith(("https://", "http://", "file://")):
            raise UsageError(f"{MIRROR} is {mirror!r}; it must be an address that begins with https:// or file://")
        for address in file.addresses:
            yield replace(address, url=f"{mirror}/{address.filename}")
    yield from file.addresses


def _from(address: Address, folder: Path, on_bytes: OnBytes | None) -> Path:
    part, path = folder / f"{address.filename}.part", folder / address.filename
    begun = part.exists()
    if not (begun and matches(part, address)):
        _complete(address, part, on_bytes)
        if begun and not matches(part, address):  # what was there was of another file: from the start, once
            part.unlink()
            _complete(address, part, on_bytes)
    if not matches(part, address):
        found = _sum(part)
        part.unlink()
        raise ModelError(f"its SHA-256 begins {found[:12]}, it should {address.sha256[:12]}; it was thrown away")
    part.replace(path)
    return path


def _complete(address: Address, part: Path, on_bytes: OnBytes | None) -> None:
    """Append to ``part`` until all is there; a connection may be cut twice."""
    for attempt in range(_ATTEMPTS):
        try:
            return _continue(address, part, on_bytes)
        except _Cut:
            if attempt == _ATTEMPTS - 1:
                raise


def _continue(address: Address, part: Path, on_bytes: OnBytes | None) -> None:
    """Append what one connection gives."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address.url, headers={"User-Agent": "unbraid"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        # An opener of our own: the shared one keeps the proxies of the moment it was first used.
        with urllib.request.build_opener().open(request, timeout=_TIMEOUT_S) as answer:
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                have = 0  # the server begins at the start
            total = _total(answer, have)
            _check_room(part, total, have)
            with part.open("ab" if have else "wb") as file:
                _copy(answer, file, address, have, total, on_bytes)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()  # it is longer than the file
        raise _Cut(f"the server answered {error.code} {error.reason}") from error
    except _NETWORK_ERRORS as error:
        raise _Cut(f"the network failed ({getattr(error, 'reason', None) or error or type(error).__name__})") from error


def _total(answer: http.client.HTTPResponse, have: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return have + int(length) if length is not None and length.isdigit() else None


def _check_room(part: Path, total: int | None, have: int) -> None:
    if total is not None and total > _LARGEST:
        raise ModelError(f"claims to be {total} bytes, which no model is")
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise OutputError(
            f"{part.parent}: {(total - have) >> 20} MB are to come and {free >> 20} MB are free; make room, or set "
            "UNBRAID_HOME to another disk"
        )


def _copy(
    answer: IO[bytes], file: IO[bytes], address: Address, have: int, total: int | None, on_bytes: OnBytes | None
) -> None:
    limit = min(total or _LARGEST, address.size or _LARGEST)
    while block := answer.read(min(_BLOCK, limit - have + 1)):
        have += len(block)
        if have > limit:
            raise ModelError(f"gives more than the {limit} bytes that it should have")
        file.write(block)
        if on_bytes is not None:
            on_bytes(address.filename, have, total)
    file.flush()
    os.fsync(file.fileno())
    if total is not None and have < total:
        raise _Cut(f"the connection ended after {have} of {total} bytes")

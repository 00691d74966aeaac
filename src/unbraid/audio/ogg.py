"""Pages of an Ogg file (RFC 3533): the comments of a Vorbis file, and a page layout that every decoder trims right."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from typing import BinaryIO

_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MAX_LACES = 255
_LONGEST_PAGE = 27 + 255 + 255 * 255
_SMALL = 1 << 26


@dataclass(frozen=True)
class Page:
    """flags: continued, first, last. granule: samples that are complete with this page. laces: the segment table."""

    flags: int
    granule: int
    serial: int
    number: int
    laces: bytes
    body: bytes

    def encoded(self) -> bytes:
        head = struct.pack("<4sBBqIII", b"OggS", 0, self.flags, self.granule, self.serial, self.number, 0)
        page = head + bytes([len(self.laces)]) + self.laces + self.body
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]

    @property
    def packets(self) -> list[bytes]:
        """The packets that end on this page (the first one may have begun on an earlier page)."""
        found, start, size = [], 0, 0
        for lace in self.laces:
            size += lace
            if lace < 255:
                found.append(self.body[start : start + size])
                start, size = start + size, 0
        return found


def _checksum(page: bytes) -> int:
    """CRC-32 of Ogg: the polynomial of zlib, but highest bit first, and neither preset nor inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def read_pages(file: BinaryIO) -> Iterator[Page]:
    """Pages from here on; stops at the end or at the first thing that is no page."""
    while len(head := file.read(27)) == 27 and head[:5] == b"OggS\0":
        laces = file.read(head[26])
        body = file.read(sum(laces))
        if len(body) < sum(laces):
            return
        granule, serial, number = struct.unpack_from("<qII", head, 6)
        yield Page(head[5], granule, serial, number, laces, body)


@dataclass(frozen=True)
class Ending:
    """closed: the last page is whole and says that it is the last, as it does unless the file was cut.

    chained: it belongs to another stream than the first page; the file was strung together, or is a film.
    """

    closed: bool
    chained: bool


def ending(file: BinaryIO) -> Ending:
    """How an Ogg file ends; of other files it says nothing sensible."""
    file.seek(0)
    first = next(read_pages(file), None)
    size = file.seek(0, 2)
    start = max(0, size - _LONGEST_PAGE)
    file.seek(start)
    start += max(0, file.read().rfind(b"OggS"))
    file.seek(start)
    last = next(read_pages(file), None)
    closed = last is not None and bool(last.flags & _LAST)
    return Ending(closed, first is not None and last is not None and first.serial != last.serial)


def without_lone_page(file: BinaryIO) -> BinaryIO:
    """The file, or, if it is Vorbis with all its sound on one page, a copy in memory with two.

    The last page cuts the last block to the length of the song. FFmpeg (up to 8 at least) does so only if some page
    came before it, and else gives up to 1024 samples too many or too few.
    """
    file.seek(0)
    if file.read(4) != b"OggS":
        file.seek(0)
        return file
    file.seek(0)
    pages: list[Page] = []
    size = 0
    for page in read_pages(file):
        pages.append(page)
        size += len(page.body)
        if page.granule > 0 or size > _SMALL:
            break
    file.seek(0)
    if not pages or pages[0].body[:7] != b"\x01vorbis" or not pages[-1].flags & _LAST:
        return file
    return BytesIO(b"".join(page.encoded() for page in _split_last(pages)))


def _split_last(pages: list[Page]) -> list[Page]:
    """``pages`` with the last packet moved to a page of its own.

    The granule of the page before is the number of samples in its packets: a quarter of the sizes of two neighbouring
    blocks (Vorbis I, section 1.3.2; the first packet gives none). A packet's block is long or short as its mode says,
    and encoders use mode 0 for short and 1 for long ones.
    """
    last, packets = pages[-1], pages[-1].packets
    if len(packets) < 2 or last.flags & _CONTINUED:
        return pages
    sizes = pages[0].body[28]
    blocks = [1 << (sizes >> 4 if packet[:1] and packet[0] & 2 else sizes & 15) for packet in packets[:-1]]
    samples = sum((before + after) // 4 for before, after in pairwise(blocks))
    cut = _laces(packets[:-1])
    first = replace(last, flags=last.flags & ~_LAST, granule=samples, laces=cut, body=b"".join(packets[:-1]))
    second = replace(last, number=last.number + 1, laces=_laces(packets[-1:]), body=packets[-1])
    return [*pages[:-1], first, second]


def _laces(packets: Iterable[bytes]) -> bytes:
    return b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)


def rewrite_vorbis(source: BinaryIO, target: BinaryIO, comments: list[tuple[str, str]]) -> None:
    """Copy the Vorbis file ``source`` to ``target`` with these comments instead of its own.

    The headers are three packets: identification, alone on the first page; comments; setup, which ends its page.
    """
    pages = read_pages(without_lone_page(source))
    first = next(pages)
    target.write(first.encoded())
    headers: list[bytes] = []
    pending = b""
    while len(headers) < 2:
        page = next(pages)
        parts = page.packets
        if parts:
            headers += [pending + parts[0], *parts[1:]]
            pending = page.body[sum(map(len, parts)) :]
        else:
            pending += page.body
    number = 1
    for page in _paginate([_comment_packet(headers[0], comments), headers[1]], first.serial):
        target.write(page.encoded())
        number = page.number + 1
    for page in pages:
        target.write(replace(page, number=number).encoded())
        number += 1


def _comment_packet(old: bytes, comments: list[tuple[str, str]]) -> bytes:
    vendor_end = 11 + int.from_bytes(old[7:11], "little")
    packet = old[:vendor_end] + struct.pack("<I", len(comments))
    for name, value in comments:
        line = f"{name}={value}".encode("utf-8", "replace")
        packet += struct.pack("<I", len(line)) + line
    return packet + b"\x01"


def _paginate(packets: list[bytes], serial: int) -> Iterator[Page]:
    """Header packets on as few pages as hold them, numbered from 1."""
    laces, body = _laces(packets), b"".join(packets)
    continued = 0
    for number, start in enumerate(range(0, len(laces), _MAX_LACES), 1):
        part = laces[start : start + _MAX_LACES]
        ends = any(lace < 255 for lace in part)
        yield Page(continued, 0 if ends else -1, serial, number, part, body[: sum(part)])
        body = body[sum(part) :]
        continued = _CONTINUED if part[-1] == 255 else 0

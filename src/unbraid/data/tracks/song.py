"""The form of songs that training reads: what parts each has, and any stretch of a part without decoding the rest.

A song is a folder with ``song.json`` and one WAV file for each part, all of one length; the mix is their sum. The files
are 16-bit PCM behind a plain 44-byte header, so a part is a memory map: reading three seconds from the middle of
an hour costs three seconds' worth of bytes, and many processes share them.

A part whose ``stems`` has one entry belongs to that stem. A part with several (a real recording) is known only
as the sum of these stems.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.errors import AudioError
from unbraid.signal import Samples

FORMAT = 1
CHANNELS = 2
# RIFF, size, WAVE, fmt_, 16, PCM, channels, rate, bytes/s, block, bits, data, size
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True)
class Part:
    """One recorded or rendered line of a song.

    stems: the stem it belongs to, or those whose sum it is. label: a plain word ("snare"). words: other names for it.
    """

    path: Path
    stems: frozenset[str]
    label: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Song:
    """A folder of parts of ``samples`` samples each at ``rate`` Hz."""

    id: str
    folder: Path
    kind: str
    rate: int
    samples: int
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    def targets(self) -> list[frozenset[str]]:
        """The finest sets of stems whose sums are known, disjoint, in a fixed order.

        Parts that overlap in their stems join: a guitar of ``other`` beside a part ``drums + bass + other`` leaves one
        set of all three.
        """
        sets: list[frozenset[str]] = []
        for part in self.parts:
            touched = [known for known in sets if known & part.stems]
            sets = [known for known in sets if not known & part.stems]
            sets.append(part.stems.union(*touched))
        return sorted(sets, key=sorted)

    def parts_of(self, target: frozenset[str]) -> tuple[Part, ...]:
        """The parts that make up the set ``target`` of :meth:`targets`."""
        return tuple(part for part in self.parts if part.stems <= target)


def read_song(folder: Path) -> Song:
    """The song in ``folder``; AudioError names the file that is missing or not what song.json says."""
    path = folder / "song.json"
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if raw["format"] != FORMAT:
            raise AudioError(f"{path}: has format {raw['format']}; this version reads {FORMAT}")
        parts = tuple(
            Part(folder / p["file"], frozenset(p["stems"]), p["label"], tuple(p.get("words", ()))) for p in raw["parts"]
        )
        song = Song(raw["id"], folder, raw["kind"], int(raw["rate"]), int(raw["samples"]), parts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioError(f"{path}: does not describe a song ({error!r})") from error
    for part in parts:
        _check_header(part.path, song)
    return song


def read_part(part: Part, start: int, length: int) -> Samples:
    """Samples ``start : start + length`` of a part as ``[channel, time]``; zeros beyond its ends.

    Read, not mapped: a system that reads ahead of mapped pages by megabytes reads many times what a piece needs.
    """
    samples = np.zeros((CHANNELS, length), np.float32)
    frame = 2 * CHANNELS  # bytes
    frames = (part.path.stat().st_size - HEADER.size) // frame
    first, last = max(start, 0), min(start + length, frames)
    if first < last:
        pcm = np.fromfile(part.path, "<i2", (last - first) * CHANNELS, offset=HEADER.size + first * frame)
        where = slice(first - start, last - start)
        np.multiply(pcm.reshape(-1, CHANNELS).T, np.float32(1 / 32768), out=samples[:, where])
    return samples


def plain_header(path: Path) -> tuple[int, int] | None:
    """Rate and samples of a plain 16-bit stereo WAV file, None if it is anything else. Raises AudioError if missing.

    One that is shorter than its header says is something else: what writes to a pipe states the largest size there is.
    """
    try:
        with path.open("rb") as file:
            head = HEADER.unpack(file.read(HEADER.size))
            held = os.fstat(file.fileno()).st_size - HEADER.size
    except (OSError, struct.error) as error:
        raise AudioError(f"{path}: is missing or too short for a WAV file ({error})") from error
    riff, _, wave, fmt, _, coding, channels, rate, _, _, bits, data, size = head
    plain = (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data") and size <= held
    return (rate, size // (2 * CHANNELS)) if plain and (coding, channels, bits) == (1, CHANNELS, 16) else None


def _check_header(path: Path, song: Song) -> None:
    found = plain_header(path)
    if found is None:
        raise AudioError(
            f"{path}: is cut short, or no plain 16-bit stereo WAV file with a header of {HEADER.size} bytes"
        )
    if found != (song.rate, song.samples):
        raise AudioError(
            f"{path}: has {found[1]} samples at {found[0]} Hz; song.json says {song.samples} at {song.rate}"
        )

"""Patches as a sound font, so that FluidSynth plays them: the parts of SoundFont 2.01 that this takes.

Times are in timecents there (1200 for a doubling), attenuations in tenths of a decibel; decay and release are the times
in which 100 dB would be gone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unbraid.audio.atomic import AtomicFile, cannot_write
from unbraid.data.studio.gus import Envelope, Stroke

DRUM_BANK = 128
_RING = Envelope(release_db_s=2.5)  # a drum that is struck sounds to its end
_LONGEST_S, _LONGEST_HOLD_S = 40.0, 18.0
_GAP = 46  # samples of silence that the standard wants between recordings
_PAN, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = 17, 34, 35, 36, 37, 38
_INSTRUMENT, _KEYS, _FINE_TUNE, _SAMPLE, _MODES, _ROOT = 41, 43, 52, 53, 54, 58

Zone = tuple[int, int, Stroke]
"""First key, last key, and what they play."""


def write_font(path: Path, name: str, programs: Mapping[int, Sequence[Stroke]], drums: Mapping[int, Stroke]) -> None:
    """A font with ``programs`` in bank 0 and ``drums``, key -> stroke, as program 0 of bank 128.

    Raises OutputError; there is never half a file.
    """
    font = _Font()
    for number, strokes in sorted(programs.items()):
        font.add(f"program {number}", 0, number, zones(strokes))
    if drums:
        struck = {key: replace(stroke, loop=None, envelope=_RING) for key, stroke in drums.items()}
        font.add("drums", DRUM_BANK, 0, [(key, key, stroke) for key, stroke in sorted(struck.items())], fixed=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    with AtomicFile(path) as atomic:
        atomic.file.write(font.content(name))


def zones(strokes: Sequence[Stroke]) -> list[Zone]:
    """The keys of each recording, from low to high, without gaps, as far up as it says itself."""
    ordered = sorted(strokes, key=lambda stroke: stroke.high_hz)
    found, first = [], 0
    for stroke in ordered:
        last = 127 if stroke is ordered[-1] else min(round(key_of(stroke.high_hz)), 127)
        if last >= first:
            found.append((first, last, stroke))
            first = last + 1
    return found


def key_of(hz: float) -> float:
    """The key that sounds at ``hz``, 69 for 440 Hz."""
    return float(69 + 12 * np.log2(max(hz, 1.0) / 440))


@dataclass
class _Font:
    """The tables of a font as they grow: rows of bytes, each ended by one more that says where the last one stops."""

    samples: list[bytes] = field(default_factory=list)
    length: int = 0
    presets: list[bytes] = field(default_factory=list)
    instruments: list[bytes] = field(default_factory=list)
    bags: list[bytes] = field(default_factory=list)
    generators: list[bytes] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)

    def add(self, name: str, bank: int, number: int, of: Sequence[Zone], fixed: bool = False) -> None:
        """An instrument and the preset that plays it. fixed: every stroke sounds as recorded, whatever the key."""
        place = len(self.instruments)
        self.presets.append(struct.pack("<20sHHHIII", name.encode()[:19], number, bank, place, 0, 0, 0))
        self.instruments.append(struct.pack("<20sH", name.encode()[:19], len(self.bags)))
        for first, last, stroke in of:
            self.bags.append(struct.pack("<HH", len(self.generators), 0))
            root = float(first) if fixed else key_of(stroke.hz)
            self.generators += _zone(first, last, stroke, root, self._sample(name, stroke, round(root)))

    def _sample(self, name: str, stroke: Stroke, root: int) -> int:
        start, end = self.length, self.length + len(stroke.samples)
        begin, stop = stroke.loop or (0, len(stroke.samples))
        self.samples.append(stroke.samples.astype("<i2").tobytes() + bytes(2 * _GAP))
        self.length = end + _GAP
        told = (name.encode()[:19], start, end, start + begin, start + stop, stroke.rate, max(0, min(root, 127)))
        self.headers.append(struct.pack("<20sIIIIIBbHH", *told, 0, 0, 1))
        return len(self.headers) - 1

    def content(self, name: str) -> bytes:
        info = [_chunk(b"ifil", struct.pack("<HH", 2, 1)), _chunk(b"isng", b"EMU8000\0"), _chunk(b"INAM", _even(name))]
        count, end = len(self.instruments), b"EO"
        preset_bags = [struct.pack("<HH", place, 0) for place in range(count + 1)]
        preset_generators = [struct.pack("<HH", _INSTRUMENT, place) for place in range(count)]
        tables = (
            (b"phdr", [*self.presets, struct.pack("<20sHHHIII", end, 0, 0, count, 0, 0, 0)]),
            (b"pbag", preset_bags),
            (b"pmod", [bytes(10)]),
            (b"pgen", [*preset_generators, bytes(4)]),
            (b"inst", [*self.instruments, struct.pack("<20sH", end, len(self.bags))]),
            (b"ibag", [*self.bags, struct.pack("<HH", len(self.generators), 0)]),
            (b"imod", [bytes(10)]),
            (b"igen", [*self.generators, bytes(4)]),
            (b"shdr", [*self.headers, struct.pack("<20sIIIIIBbHH", end, *[0] * 9)]),
        )
        sound = _chunk(b"smpl", b"".join(self.samples))
        lists = (
            _chunk(b"LIST", b"INFO" + b"".join(info)),
            _chunk(b"LIST", b"sdta" + sound),
            _chunk(b"LIST", b"pdta" + b"".join(_chunk(kind, b"".join(rows)) for kind, rows in tables)),
        )
        return _chunk(b"RIFF", b"sfbk" + b"".join(lists))


def _zone(first: int, last: int, stroke: Stroke, root: float, sample: int) -> Iterable[bytes]:
    yield struct.pack("<HBB", _KEYS, first, last)
    if stroke.pan:
        yield struct.pack("<Hh", _PAN, round(500 * stroke.pan))
    yield from (struct.pack("<Hh", kind, value) for kind, value in _generators(stroke.envelope))
    yield struct.pack("<Hh", _FINE_TUNE, round(100 * (round(root) - root)))
    yield struct.pack("<Hh", _ROOT, max(0, min(round(root), 127)))
    yield struct.pack("<Hh", _MODES, 1 if stroke.loop else 0)
    yield struct.pack("<Hh", _SAMPLE, sample)


def _generators(envelope: Envelope) -> Iterable[tuple[int, int]]:
    yield _ATTACK, _timecents(envelope.attack_s)
    if envelope.hold_s:
        yield _HOLD, _timecents(min(envelope.hold_s, _LONGEST_HOLD_S))
    if envelope.fall_db:
        yield _DECAY, _timecents(100 / envelope.fall_db_s)
        yield _SUSTAIN, round(min(10 * envelope.fall_db, 1440))
    yield _RELEASE, _timecents(100 / envelope.release_db_s)


def _timecents(seconds: float) -> int:
    return round(1200 * float(np.log2(np.clip(seconds, 2**-10, _LONGEST_S))))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _even(name: str) -> bytes:
    text = name.encode() + b"\0"
    return text + bytes(len(text) % 2)

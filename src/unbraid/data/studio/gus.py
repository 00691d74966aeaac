"""Instruments as patches of the Gravis UltraSound (``.pat``), which FreePats is made of, and as they play.

A patch is headers of fixed sizes before the samples of one instrument (GF1 Patch Files; TiMidity and WildMidi read the
same layout). Loops are counted in bytes there, frequencies in thousandths of a hertz. Its envelope runs
through six levels at six rates; a level is a logarithm, 16 steps for 6 dB, so what the card plays falls by even steps
of decibels, as the envelopes of sound fonts do. The first three stages lead to the level at which a held note stays.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import AudioError

_HEAD, _INSTRUMENT, _LAYER, _SAMPLE = 129, 63, 47, 96
_MAGIC = (b"GF1PATCH110\0", b"GF1PATCH100\0")
_FIELDS = struct.Struct("<7xBIIIHIII2xB6B6B6xBHH")
_STEP_DB = 20 * math.log10(2) / 16
_SLOWEST = 44_100 / 8192  # levels a second at rate 1 of the slowest range
_LINE = re.compile(r"^\s*(?P<number>\d+)\s+(?P<file>\S+\.pat)")


@dataclass(frozen=True)
class Envelope:
    """attack_s: to full level. fall_db: below it a held note comes to rest, at ``fall_db_s`` dB a second, after
    ``hold_s``. release_db_s: how fast it falls when let go.
    """

    attack_s: float = 0.0
    hold_s: float = 0.0
    fall_db: float = 0.0
    fall_db_s: float = 0.0
    release_db_s: float = 200.0


@dataclass(frozen=True)
class Stroke:
    """One recording: ``samples[time]``, which sounds at ``hz`` when played at ``rate``, for keys of ``low_hz`` to
    ``high_hz``. loop: first and last sample but one of what is repeated while the note is held. pan: -1 to 1.
    """

    samples: NDArray[np.int16]
    rate: int
    hz: float
    low_hz: float
    high_hz: float
    loop: tuple[int, int] | None
    envelope: Envelope
    pan: float


def read_patch(path: Path) -> list[Stroke]:
    """The recordings of a patch; AudioError if it is none."""
    data = path.read_bytes()
    if data[:12] not in _MAGIC or len(data) < _HEAD + _INSTRUMENT + _LAYER:
        raise AudioError(f"{path}: is no patch of the Gravis UltraSound; fetch the package again")
    count = data[_HEAD + _INSTRUMENT + 6]
    strokes, at = [], _HEAD + _INSTRUMENT + _LAYER
    for _ in range(count):
        stroke, at = _stroke(data, at, path)
        strokes.append(stroke)
    return strokes


def read_list(path: Path) -> dict[bool, dict[int, Path]]:
    """Program -> patch under False and drum key -> patch under True, of a configuration as TiMidity reads them."""
    found: dict[bool, dict[int, Path]] = {False: {}, True: {}}
    folder, drums = Path(), False
    for line in path.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["dir"]:
            folder = Path(words[1])
        elif words[:1] in (["drumset"], ["bank"]):
            drums = words[0] == "drumset"
        elif entry := _LINE.match(line):
            found[drums][int(entry["number"])] = folder / entry["file"]
    return found


def _stroke(data: bytes, at: int, path: Path) -> tuple[Stroke, int]:
    if at + _SAMPLE > len(data):
        raise AudioError(f"{path}: ends early; fetch the package again")
    _, size, begin, end, rate, low, high, root, balance, *rest = _FIELDS.unpack_from(data, at)
    rates, levels, modes = rest[:6], rest[6:12], rest[12]
    raw = data[at + _SAMPLE : at + _SAMPLE + size]
    width = 2 if modes & 1 else 1
    if len(raw) < size or not size or not rate or not root:
        raise AudioError(f"{path}: ends early; fetch the package again")
    samples = _decoded(raw[: size // width * width], width, unsigned=bool(modes & 2))
    loop = (begin // width, end // width) if modes & 4 and begin < end <= size else None
    if modes & 16:
        samples = samples[::-1].copy()
        loop = (len(samples) - loop[1], len(samples) - loop[0]) if loop else None
    if loop and modes & 8:  # to and fro: the way back is added once
        samples = np.concatenate([samples[: loop[1]], samples[loop[0] : loop[1]][::-1], samples[loop[1] :]])
        loop = (loop[0], 2 * loop[1] - loop[0])
    shaped = modes & 64 and not _is_none(rates, levels)
    envelope = _envelope(rates, levels, held=bool(modes & 32)) if shaped else Envelope()
    pan = float(np.clip((balance - 7.5) / 7.5, -1, 1)) if balance not in (7, 8) else 0.0
    stroke = Stroke(samples, rate, root / 1000, low / 1000, high / 1000, loop, envelope, pan)
    return stroke, at + _SAMPLE + size


def _decoded(raw: bytes, width: int, unsigned: bool) -> NDArray[np.int16]:
    if width == 2:
        wide = np.frombuffer(raw, "<u2" if unsigned else "<i2").astype(np.int32)
        return (wide - 32_768 if unsigned else wide).astype(np.int16)
    narrow = np.frombuffer(raw, np.uint8 if unsigned else np.int8).astype(np.int32)
    return ((narrow - 128 if unsigned else narrow) * 256).astype(np.int16)


def _is_none(rates: list[int], levels: list[int]) -> bool:
    """Whether an envelope says nothing: all as fast as can be, or loud to the end. TiMidity passes over such, too."""
    return all(rate == 63 for rate in rates) or levels[-1] >= 100


def _envelope(rates: list[int], levels: list[int], held: bool) -> Envelope:
    """Six stages as attack, hold, fall and release."""
    steps = np.abs(np.diff([0, *levels])).astype(float)
    seconds = steps / np.array([_levels_a_second(rate) for rate in rates])
    # What is not held falls on through all stages.
    last = 3 if held else 6
    fall = max(levels[0] - min(levels[1:last]), 0)
    hold = seconds[1] if levels[0] - levels[1] < 8 else 0.0
    took = max(float(seconds[1:last].sum() - hold), 1e-3)
    release = max(float(_levels_a_second(rates[3])) * _STEP_DB, 20.0)
    return Envelope(float(seconds[0]), float(hold), fall * _STEP_DB, fall * _STEP_DB / took, release)


def _levels_a_second(rate: int) -> float:
    """Two bits say the range, each eight times as slow as the one before, six bits how fast within it."""
    return float(max(rate & 63, 1) * _SLOWEST * 8.0 ** (3 - (rate >> 6)))

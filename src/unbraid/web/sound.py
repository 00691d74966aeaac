"""What the browser hears and draws: pieces of stems, their outline, and the mix as the desk is set."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import soundfile

from unbraid.errors import UsageError
from unbraid.signal import Samples

POINTS = 1200
"""Of an outline."""
LONGEST_PIECE_S = 30
_BLOCK = 1 << 18


def piece(path: Path, start: int, frames: int) -> bytes:
    """Samples ``start : start + frames`` of a stem as a FLAC file of 16 bits; fewer at its end. Raises UsageError."""
    with soundfile.SoundFile(path) as file:
        if start < 0 or frames < 1 or start >= file.frames or frames > LONGEST_PIECE_S * file.samplerate:
            raise UsageError(
                f"a piece of {frames} samples from {start} is not to be had; the stem has {file.frames}, and a piece "
                f"{LONGEST_PIECE_S} s at most"
            )
        file.seek(start)
        samples = file.read(frames, dtype="float32", always_2d=True)
        held = io.BytesIO()
        soundfile.write(held, samples, file.samplerate, format="FLAC", subtype="PCM_16")
    return held.getvalue()


def outline(path: Path) -> list[int]:
    """The loudest sample in each of :data:`POINTS` stretches of equal length, 0 to 255; fewer of a very short stem."""
    with soundfile.SoundFile(path) as file:
        points = min(POINTS, file.frames)
        edges = np.linspace(0, file.frames, points + 1).astype(np.int64)
        peaks = np.zeros(points, np.float32)
        start = 0
        for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
            loud = np.abs(block).max(1)
            first, last = np.searchsorted(edges, [start, start + len(loud) - 1], "right") - 1
            cuts = np.maximum(edges[first : last + 1] - start, 0)
            peaks[first : last + 1] = np.maximum(peaks[first : last + 1], np.maximum.reduceat(loud, cuts))
            start += len(loud)
    return [int(level) for level in np.rint(255 * np.minimum(peaks, 1))]


def mixed(stems: Mapping[Path, float]) -> Iterator[bytes]:
    """The sum of stems, each times its gain, as a WAV file of 16 bits; turned down where it would clip.

    Two passes, of which the first finds the peak and yields nothing but empty pieces, so that others have their turn.
    """
    peak = 0.0
    for block in _sums(stems):
        peak = max(peak, float(np.abs(block).max(initial=0)))
        yield b""
    gain = np.float32(min(1.0, 0.999 / peak) if peak else 1.0)
    with soundfile.SoundFile(next(iter(stems))) as file:
        yield _header(file.frames, file.channels, file.samplerate)
    for block in _sums(stems):
        yield np.rint(block * gain * 32767).astype("<i2").tobytes()


def _sums(stems: Mapping[Path, float]) -> Iterator[Samples]:
    """Blocks ``[time, channel]``."""
    rows = [soundfile.blocks(path, _BLOCK, dtype="float32", always_2d=True) for path in stems]
    for blocks in zip(*rows, strict=True):
        total = np.zeros_like(blocks[0])
        for block, gain in zip(blocks, stems.values(), strict=True):
            total += block * np.float32(gain)
        yield total


def _header(frames: int, channels: int, rate: int) -> bytes:
    """Of a WAV file of 16 bits (a RIFF chunk holds 4 GB, which is six hours; what is longer states that much)."""
    held = io.BytesIO()
    soundfile.write(held, np.zeros((0, channels), np.int16), rate, format="WAV", subtype="PCM_16")
    header, size = bytearray(held.getvalue()), min(frames * channels * 2, 0xFFFFFFFF - 36)
    header[4:8], header[40:44] = (36 + size).to_bytes(4, "little"), size.to_bytes(4, "little")
    return bytes(header[:44])

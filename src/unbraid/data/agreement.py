"""Do the parts of a song sum to its mixture, and if not, which of them is shifted?

Each part is compared with the mixture less all other parts. If it is only shifted, the cross-correlation of the two has
its peak away from zero; the others' peaks stay at zero, since what the shifted part leaves behind does not resemble
them. A few seconds from the middle of the song are enough for that; the error of the sum is over all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from unbraid.audio.downmix import to_stereo
from unbraid.audio.read import open_audio
from unbraid.data.tracks.found import FoundSong, SoundFile
from unbraid.signal import Samples

_EXCERPT_S = 12.0
_REACH_S = 1.0
_ALIKE = 0.5  # correlation from which a shifted part is recognised
_BETTER = 0.2  # by how much it must exceed that of no shift


@dataclass(frozen=True)
class Agreement:
    """error_db: energy of mixture less parts, over that of the mixture. shifted: file -> samples that it comes late
    (early if negative); only found where the error is above ``look_db``."""

    error_db: float
    shifted: dict[str, int] = field(default_factory=dict)


def agreement(found: FoundSong, samples: int, rate: int, look_db: float = -30.0) -> Agreement:
    """Compare the parts of ``found`` with its mixture of ``samples`` samples. All files must have one rate.

    Raises AudioError for a broken file.
    """
    assert found.mixture is not None
    length = min(samples, round(_EXCERPT_S * rate))
    middle = (samples - length) // 2
    error = energy = 0.0
    kept: list[Samples] = []
    at = 0
    for blocks in _in_step(found.files):
        mixture, *parts = blocks
        error += float(np.square(mixture - sum(parts)).sum(dtype=np.float64))
        energy += float(np.square(mixture).sum(dtype=np.float64))
        first, last = max(middle - at, 0), min(middle + length - at, blocks.shape[-1])
        if first < last:
            kept.append(blocks[..., first:last].mean(1))
        at += blocks.shape[-1]
    error_db = round(10 * math.log10((error + 1e-12) / (energy + 1e-12)), 1)
    if error_db <= look_db or not kept:
        return Agreement(error_db)
    return Agreement(error_db, _shifted(found, np.concatenate(kept, axis=1), round(_REACH_S * rate)))


def _in_step(files: tuple[SoundFile, ...]) -> Iterator[Samples]:
    """``[file, 2, time]`` block by block, shorter files continued with silence."""
    readers = [open_audio(file.path, file.stream) for file in files]
    for blocks in zip_longest(*(reader.blocks() for reader in readers)):
        length = max(block.shape[1] for block in blocks if block is not None)
        together = np.zeros((len(files), 2, length), np.float32)
        for row, reader, block in zip(together, readers, blocks, strict=True):
            if block is not None:
                row[:, : block.shape[1]] = to_stereo(block, reader.layout)[0]
        yield together


def _shifted(found: FoundSong, excerpt: Samples, reach: int) -> dict[str, int]:
    """``excerpt[file, time]`` in mono, the mixture first."""
    mixture, parts = excerpt[0], excerpt[1:]
    total = parts.sum(0)
    lag = late_by(total, mixture, reach)
    if lag:
        return {str(found.files[0]): -lag}
    pairs = zip(found.parts, parts, strict=True)
    lags = {str(part.file): late_by(row, mixture - total + row, reach) for part, row in pairs}
    return {file: late for file, late in lags.items() if late}


def late_by(signal: Samples, reference: Samples, reach: int) -> int:
    """How many samples ``signal[time]`` comes later than ``reference[time]``; 0 if no shift within ``reach`` makes them
    much more alike."""
    size = 1 << (len(signal) + reach).bit_length()
    scale = math.sqrt(float(np.square(signal).sum()) * float(np.square(reference).sum()))
    if scale <= 0:
        return 0
    product = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size) / scale
    around = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    peak = int(np.argmax(around))
    clear = around[peak] > _ALIKE and around[peak] > around[reach] + _BETTER
    return peak - reach if clear else 0

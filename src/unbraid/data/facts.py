"""One look at each sound file: is it whole, how long, how loud, where does it sound.

The file is decoded once, block by block, in memory that does not grow with it; what was found is kept in a
:class:`~unbraid.data.cache.Cache`.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.downmix import to_stereo
from unbraid.audio.read import open_audio
from unbraid.data.cache import Cache, stamp
from unbraid.data.tracks.found import SoundFile
from unbraid.errors import AudioError
from unbraid.metrics.loudness import SLOWEST_HZ, Loudness
from unbraid.signal import Samples

_FULL_SCALE = 1 - 2.0**-12


@dataclass(frozen=True)
class FileFacts:
    """What a file holds.

    rate, channels, samples: as decoded; beyond two channels, all else is of the down-mix to stereo. peak: of full
    scale. clipped: runs of samples at full scale. lufs: loudness, None for silence. levels_db: RMS of each second
    below full scale, the activity. digest: of the samples, so that two files with one sound are known. warnings: from
    decoding, each a sentence about the file. error: why it cannot be read, and then all else is zero.
    """

    rate: int = 0
    channels: int = 0
    samples: int = 0
    peak: float = 0.0
    clipped: int = 0
    lufs: float | None = None
    levels_db: tuple[float, ...] = ()
    digest: str = ""
    warnings: tuple[str, ...] = ()
    error: str | None = None

    @property
    def seconds(self) -> float:
        return self.samples / self.rate if self.rate else 0.0

    def active(self, floor_db: float = -60.0) -> float:
        """Share of seconds louder than ``floor_db``."""
        return sum(level > floor_db for level in self.levels_db) / max(len(self.levels_db), 1)


def file_facts(file: SoundFile, cache: Cache | None = None) -> FileFacts:
    """The facts of ``file``, from the cache if it has not changed since. Never raises for what is in the file."""
    key, stamps = f"file {file.path.absolute()} {file.stream}", [stamp(file.path)]
    kept: Any = cache.get(key, stamps) if cache else None
    if kept is not None:
        return FileFacts(**{**kept, "levels_db": tuple(kept["levels_db"]), "warnings": tuple(kept["warnings"])})
    try:
        found = _measured(file)
    except AudioError as error:
        found = FileFacts(error=str(error))
    if cache:
        cache.put(key, stamps, asdict(found))
    return found


def _measured(file: SoundFile) -> FileFacts:
    with open_audio(file.path, file.stream) as reader:
        meter = _Meter(reader.rate)
        for block in reader.blocks():
            meter.push(to_stereo(block, reader.layout)[0])
        return FileFacts(
            rate=reader.rate,
            channels=reader.channels,
            samples=meter.samples,
            peak=meter.peak,
            clipped=meter.clipped,
            lufs=meter.lufs,
            levels_db=meter.levels_db(),
            digest=meter.digest,
            warnings=tuple(reader.warnings),
        )


class _Meter:
    """Hears a sound once."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._loudness: Loudness | None = None
        self._hash = hashlib.sha256()
        self._energies: list[float] = []
        self._second = np.zeros(0, np.float32)
        self.samples, self.peak, self.clipped = 0, 0.0, 0

    def push(self, block: Samples) -> None:
        if self._loudness is None and self._rate >= SLOWEST_HZ:
            self._loudness = Loudness(self._rate, len(block))
        if self._loudness is not None:
            self._loudness.push(block)
        self.samples += block.shape[1]
        magnitude = np.abs(block)
        self.peak = max(self.peak, float(magnitude.max(initial=0.0)))
        self.clipped += _runs(magnitude >= _FULL_SCALE)
        # Of 16 bits, so that a copy in another lossless format has the same digest.
        self._hash.update(np.round(np.clip(block, -1, 1) * 32767).astype("<i2").T.tobytes())
        energy = np.concatenate([self._second, np.square(block).mean(0)])
        whole = len(energy) // self._rate * self._rate
        self._energies += energy[:whole].reshape(-1, self._rate).mean(1).tolist()
        self._second = energy[whole:]

    def levels_db(self) -> tuple[float, ...]:
        rest = [float(self._second.mean())] if len(self._second) else []
        return tuple(round(10 * math.log10(max(power, 1e-10)), 1) for power in self._energies + rest)

    @property
    def lufs(self) -> float | None:
        heard = self._loudness.integrated() if self._loudness else -math.inf
        return round(heard, 2) if math.isfinite(heard) else None

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:32]


def _runs(loud: NDArray[np.bool_]) -> int:
    """How many runs of three or more are in ``loud[channel, time]``; a peak that was only normalised has fewer."""
    if loud.shape[1] < 3 or not loud.any():
        return 0
    inside: NDArray[np.bool_] = loud[:, 2:] & loud[:, 1:-1] & loud[:, :-2]
    return int((inside[:, 1:] & ~inside[:, :-1]).sum() + inside[:, 0].sum())

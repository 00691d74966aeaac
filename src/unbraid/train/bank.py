"""All songs of a run in a device's memory, as the 16-bit samples that they are on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unbraid.data.plan import STRETCH, Place
from unbraid.data.tracks import Part, Song, read_part
from unbraid.errors import UsageError

_READERS = 8


class Bank:
    """``samples[channel, sample]`` of every part, one behind the other; it grows and never moves what it holds."""

    def __init__(self, device: torch.device) -> None:
        self.places: dict[Path, Place] = {}
        self._device = device
        self.samples: Tensor = torch.zeros(2, 0, dtype=torch.int16, device=device)

    def take(self, songs: Sequence[Song]) -> None:
        """Read what is not held yet. UsageError if the device's memory is too small."""
        new = [(song, part) for song in songs for part in song.parts if part.path not in self.places]
        if not new:
            return
        with ThreadPoolExecutor(_READERS) as pool:
            read = list(pool.map(_read, new))
        try:
            self.samples = torch.cat([self.samples, *self._sent(wave for wave, _ in read)], 1)
        except torch.OutOfMemoryError as error:
            size_gb = sum(wave.numel() for wave, _ in read) * 2 / 1e9
            raise UsageError(
                f"{size_gb:.1f} GB of songs are too many for this device; leave run.resident out"
            ) from error
        first = self.samples.shape[1] - sum(wave.shape[1] for wave, _ in read)
        for (_, part), (wave, level) in zip(new, read, strict=True):
            self.places[part.path] = Place(first, level)
            first += wave.shape[1]

    def _sent(self, waves: Iterable[Tensor]) -> Iterable[Tensor]:
        return (wave.to(self._device) for wave in waves)


def _read(pair: tuple[Song, Part]) -> tuple[Tensor, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """``[2, sample]`` in 16 bits, and the level of each stretch."""
    song, part = pair
    wave = read_part(part, 0, song.samples)
    padded = np.pad(np.square(wave).mean(0), (0, -wave.shape[1] % STRETCH))
    level = np.sqrt(padded.reshape(-1, STRETCH).mean(1))
    return torch.from_numpy(np.rint(wave * 32768).astype(np.int16)), level.astype(np.float32)

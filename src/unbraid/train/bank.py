"""All songs of a run in a device's memory, as the 16-bit samples that they are on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from unbraid.data.cache import stamp
from unbraid.data.plan import STRETCH, Place
from unbraid.data.tracks import Part, Song, read_part
from unbraid.errors import UsageError
from unbraid.signal import Samples

_READERS = 8
_Version: TypeAlias = tuple[list[int] | None, int]  # a file's stamp, and the samples that were read


class Bank:
    """``samples[channel, sample]`` of every part, one behind the other; it grows, and what it holds stays.

    A part that was made anew under its old path is read again, to a new place; no plan that was drawn before is hurt.
    """

    def __init__(self, device: torch.device) -> None:
        self.places: dict[Path, Place] = {}
        self._versions: dict[Path, _Version] = {}
        self._device = device
        self.samples: Tensor = torch.zeros(2, 0, dtype=torch.int16, device=device)

    def take(self, songs: Sequence[Song]) -> list[Song]:
        """Read what is not held as it is on the disk; returns the songs that are held, those that vanished left out.

        UsageError if there is too little memory for them.
        """
        try:
            with ThreadPoolExecutor(_READERS) as pool:
                read = [found for found in pool.map(self._read, songs) if found is not None]
            self._append([wave for song in read for _, _, wave, _ in song])
        except (RuntimeError, MemoryError) as error:  # torch's of a GPU is one of the first
            size_gb = 4e-9 * sum(song.samples * len(song.parts) for song in songs)
            raise UsageError(
                f"{size_gb:.1f} GB of songs, and as many once more while they arrive, are too many for the memory of "
                f"{self._device}; set run.resident=false, or give fewer songs"
            ) from error
        first = self.samples.shape[1] - sum(wave.shape[1] for song in read for _, _, wave, _ in song)
        for song in read:
            for path, version, wave, level in song:
                self.places[path], self._versions[path] = Place(first, level), version
                first += wave.shape[1]
        return [song for song in songs if self._fits(song)]

    def holds(self, songs: Sequence[Song]) -> bool:
        """Whether all parts are held as they are on the disk."""
        return not any(self._new(song) for song in songs)

    def _new(self, song: Song) -> list[tuple[Part, _Version]]:
        """The parts that are not held as they are. Told before they are read, lest a change meanwhile go unseen."""
        versions = [(part, (stamp(part.path), song.samples)) for part in song.parts]
        # What is gone is not new; what was held of it may still be used.
        return [(part, new) for part, new in versions if new[0] is not None and self._versions.get(part.path) != new]

    def _read(self, song: Song) -> list[tuple[Path, _Version, Tensor, Samples]] | None:
        """Those parts; None if one was removed under our hands."""
        try:
            return [(part.path, version, *_read(song, part)) for part, version in self._new(song)]
        except FileNotFoundError:
            return None

    def _fits(self, song: Song) -> bool:
        """Whether each part has a place as long as the song: behind it lies another part."""
        held = [self._versions.get(part.path) for part in song.parts]
        return all(version is not None and version[1] == song.samples for version in held)

    def _append(self, waves: Sequence[Tensor]) -> None:
        held = self.samples.shape[1]
        size = held + sum(wave.shape[1] for wave in waves)
        if size == held:
            return
        grown = torch.empty(2, size, dtype=torch.int16, device=self._device)
        grown[:, :held] = self.samples
        for wave in waves:
            grown[:, held : held + wave.shape[1]] = wave
            held += wave.shape[1]
        self.samples = grown


def _read(song: Song, part: Part) -> tuple[Tensor, Samples]:
    """``[2, sample]`` in 16 bits, and the level of each stretch."""
    wave = read_part(part, 0, song.samples)
    padded = np.pad(np.square(wave).mean(0), (0, -wave.shape[1] % STRETCH))
    level: Samples = np.sqrt(padded.reshape(-1, STRETCH).mean(1)).astype(np.float32)
    return torch.from_numpy(np.rint(wave * 32768).astype(np.int16)), level

"""Between a song and a separator: other rates, other channel counts, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.api.balance import Balance
from unbraid.audio.resample import Resampler
from unbraid.engine.refine import Pass
from unbraid.engine.source import BLOCK, Source
from unbraid.engine.store import Store
from unbraid.errors import UsageError
from unbraid.signal import Samples
from unbraid.spec import Spec

NewStore = Callable[[str, int], Store]
"""Makes a store of a given name and channel count."""


@dataclass(frozen=True)
class Rechanneled:
    """``source`` with another channel count: mono is doubled, stereo is averaged."""

    source: Source
    channels: int

    @property
    def length(self) -> int:
        return self.source.length

    def read(self, start: int, stop: int) -> Samples:
        return rechannel(self.source.read(start, stop), self.channels)


def rechannel(samples: Samples, channels: int) -> Samples:
    """``[..., channel, time]`` with ``channels`` channels: repeated from mono, or averaged to it."""
    have = samples.shape[-2]
    if have == channels:
        return samples
    if have == 1:
        return np.repeat(samples, channels, axis=-2)
    if channels == 1:
        mono: Samples = samples.mean(-2, keepdims=True)
        return mono
    raise UsageError(f"audio of {have} channels cannot become {channels}; give mono or stereo")


def heard_by(spec: Spec, song: Source, rate: int, new_store: NewStore, balance: Balance | None = None) -> Source:
    """``song`` at the rate and channel count of ``spec``, its channels brought into ``balance``."""
    whole = song if balance is None else balance.heard(song)
    same_channels: Source = whole if song.channels == spec.channels else Rechanneled(whole, spec.channels)
    if rate == spec.rate:
        return same_channels
    store, resampler = new_store("heard", spec.channels), Resampler(rate, spec.rate, spec.channels)
    for start in range(0, song.length, BLOCK):
        store.append(resampler.push(same_channels.read(start, min(start + BLOCK, song.length))))
    store.append(resampler.flush())
    return store


class StemStores:
    """Takes the passages of all passes and keeps each wanted stem, and each answer to a query, as the song is.

    Resampling is linear, so passes are added up after it, each through a resampler of its own.
    """

    def __init__(
        self,
        spec: Spec,
        wanted: Sequence[str],
        song: Source,
        rate: int,
        new_store: NewStore,
        asked: Sequence[str] = (),
        balance: Balance | None = None,
    ) -> None:
        self._spec, self._song, self._rate, self._balance = spec, song, rate, balance
        self._rows = [spec.stems.index(name) for name in wanted] + [len(spec.stems) + i for i in range(len(asked))]
        self._stores = {name: new_store(name, song.channels) for name in (*wanted, *asked)}
        self._number, self._position = -1, 0
        self._resampler: Resampler | None = None

    def __call__(self, number: int, _: Pass, passage: Sequence[Samples]) -> None:
        """A passage of pass ``number``, ``[channel, time]`` of each stem and query: a sink for ``run_passes``."""
        if number != self._number:
            self._end_pass()
            self._number = number
            if self._rate != self._spec.rate and self._rows:
                self._resampler = Resampler(self._spec.rate, self._rate, len(self._rows) * self._song.channels)
        kept = [rechannel(passage[row], self._song.channels) for row in self._rows]
        if self._balance is not None:
            kept = [self._balance.undone(row) for row in kept]
        if self._resampler is not None:
            flat = self._resampler.push(np.concatenate(kept))
            kept = np.split(flat, len(kept))
        self._add(kept)

    def finish(self) -> dict[str, Source]:
        """The stems, each as long as the song."""
        self._end_pass()
        for store in self._stores.values():
            missing = self._song.length - store.length
            if missing:
                store.append(np.zeros((store.channels, missing), np.float32))
        return dict(self._stores)

    def _add(self, rows: Sequence[Samples]) -> None:
        """Add ``[channel, time]`` of each store at the pass's position."""
        # Rates whose ratio is odd make the way there and back a few samples longer than the song.
        left = self._song.length - self._position
        for row, store in zip(rows, self._stores.values(), strict=True):
            store.add(self._position, row[:, :left])
        self._position += min(rows[0].shape[1], left) if rows else 0

    def _end_pass(self) -> None:
        if self._resampler is not None:
            self._add(np.split(self._resampler.flush(), len(self._rows)))
        self._position, self._resampler = 0, None

"""A file becomes a mix: decoded, cut to the wanted part, down-mixed, kept at its own rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unbraid.api.stream import NewStore
from unbraid.audio.downmix import to_stereo
from unbraid.audio.read import AudioReader, open_audio
from unbraid.audio.tags import Tags, read_tags
from unbraid.engine.progress import StopAsked, never
from unbraid.engine.store import Store
from unbraid.errors import AudioError, Cancelled
from unbraid.signal import LOUDEST, Samples


@dataclass(frozen=True)
class Mix:
    """What is taken apart. warnings: what the listener should know about the file."""

    samples: Store
    rate: int
    tags: Tags
    warnings: list[str]

    @property
    def seconds(self) -> float:
        return self.samples.length / self.rate


def ingest(
    song: Path,
    new_store: NewStore,
    start_s: float = 0.0,
    stop_s: float | None = None,
    stop_asked: StopAsked = never,
) -> Mix:
    """Decode the part of ``song`` from ``start_s`` to ``stop_s`` into a store, more than two channels down-mixed.

    Raises AudioError naming the song and the reason.
    """
    with open_audio(song) as reader:
        notes: list[str] = []
        store = new_store("mix", min(reader.channels, 2))
        for block in _part(reader, start_s, stop_s):
            if stop_asked():
                raise Cancelled("stopped on request")
            stereo, note = to_stereo(block, reader.layout)
            if note and note not in notes:
                notes.append(note)
            loudest = float(np.abs(stereo).max(initial=0))
            if loudest >= LOUDEST:
                raise AudioError(f"{song}: has samples of {loudest:g} times full scale, which cannot be sound")
            store.append(stereo)
        if not store.length:
            end = "its end" if stop_s is None else f"{stop_s:g} s"
            raise AudioError(f"{song}: has no sound between {start_s:g} s and {end}")
        return Mix(store, reader.rate, read_tags(song), [*notes, *reader.warnings])


def _part(reader: AudioReader, start_s: float, stop_s: float | None) -> Iterator[Samples]:
    """The blocks between ``start_s`` and ``stop_s``; decoding ends where the part ends."""
    start = round(start_s * reader.rate)
    stop = None if stop_s is None else round(stop_s * reader.rate)
    position = 0
    for block in reader.blocks():
        low = max(start - position, 0)
        high = block.shape[1] if stop is None else min(stop - position, block.shape[1])
        position += block.shape[1]
        if low < high:
            yield block[:, low:high]
        if stop is not None and position >= stop:
            return

"""What can be heard in a song: the presence of every sound that has a name."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from unbraid.api.asking import Question
from unbraid.api.balance import balance_of
from unbraid.api.ingest import ingest
from unbraid.api.join import vector
from unbraid.api.model import Model
from unbraid.api.stream import heard_by
from unbraid.engine.cores import cores
from unbraid.engine.plan import Chunk, plan
from unbraid.engine.presence import Presence
from unbraid.engine.progress import StopAsked, never
from unbraid.engine.source import Source, read_padded
from unbraid.engine.spool import SpoolFolder
from unbraid.errors import Cancelled, ModelError
from unbraid.query.sounds import home, sounds
from unbraid.signal import Samples

MOST_CHUNKS = 16
"""Of a long song so many pieces are heard, spread evenly over it."""


@dataclass(frozen=True)
class Heard:
    """A sound by name, the stem that it is a part of (or is), and its presence from 0 to 1."""

    name: str
    stem: str | None
    presence: float


@runtime_checkable
class Listener(Protocol):
    """A separator that tells presence without making sound."""

    def hear(self, mix: Samples, queries: Samples) -> Samples:
        """``presence[batch, query]`` of ``mix[batch, channel, time]`` and ``queries[batch, query, embedding]``."""
        ...


def list_sounds(song: Path, model: Model, stop_asked: StopAsked = never, stop_s: float | None = None) -> list[Heard]:
    """All sounds with a name, the likeliest first; of the song up to ``stop_s``.

    Raises AudioError, ModelError if nothing installed can tell.
    """
    asker = model.asker()
    listener, spec = asker.loaded.members[0].separator, asker.spec
    if not isinstance(listener, Listener):
        raise ModelError(f"model {asker.name!r} answers words, but does not tell what is in a song")
    homes = {name: home(sound, spec.stems) for name, sound in sounds().items()}
    questions = [Question(name, name, stem) for name, stem in homes.items()]
    queries = np.stack([vector(asker, each, within=True) for each in questions])
    with tempfile.TemporaryDirectory(prefix="unbraid-") as folder, SpoolFolder(Path(folder)) as new_store:
        mix = ingest(song, new_store, 0.0, stop_s, stop_asked)
        heard = heard_by(spec, mix.samples, mix.rate, new_store, balance_of(spec, mix.samples))
        scores = _scores(listener, heard, _spread(list(plan(heard.length, spec, 0.0))), queries, stop_asked)
    found = {name: float(score) for name, score in zip(homes, scores, strict=True)}
    for stem in spec.stems:
        if stem in found:  # of a whole stem the head knows little, and its parts are it, too
            found[stem] = max(found[name] for name, where in homes.items() if where == stem or name == stem)
    listed = [Heard(name, homes[name], round(score, 3)) for name, score in found.items()]
    return sorted(listed, key=lambda each: -each.presence)


def _spread(chunks: Sequence[Chunk]) -> list[Chunk]:
    places = np.linspace(0, len(chunks) - 1, min(len(chunks), MOST_CHUNKS)).round().astype(int)
    return [chunks[place] for place in places]


def _scores(
    listener: Listener, source: Source, chunks: Sequence[Chunk], queries: Samples, stop_asked: StopAsked
) -> Samples:
    """``[query]``: pooled over the chunks, which are heard in parallel."""

    def one(chunk: Chunk) -> Samples:
        if stop_asked():
            raise Cancelled("stopped on request")
        mix = read_padded(source, chunk.given_start, chunk.given_stop)
        if not mix.any():
            return np.zeros(len(queries), np.float32)
        scores: Samples = listener.hear(mix[None], queries[None])[0]
        return scores

    presence = Presence()
    with ThreadPoolExecutor(cores()) as pool:
        for scores in pool.map(one, chunks):
            presence.push(scores)
    pooled = presence.pooled()
    return np.zeros(len(queries), np.float32) if pooled is None else pooled

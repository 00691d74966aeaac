"""One separator or two over a song: stems from one, answers to questions from the same one or from another.

A separator that answers questions itself does both in one pass. Else the first gives its stems, and the second is put
the questions: those about a part of a stem hear that stem, the others the mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unbraid.api.asking import Asking, Question
from unbraid.api.ingest import ingest
from unbraid.api.model import Model
from unbraid.api.stream import NewStore
from unbraid.api.way import Taken, Way
from unbraid.engine.source import Source
from unbraid.engine.store import ArrayStore
from unbraid.errors import UsageError
from unbraid.signal import Samples


@dataclass(frozen=True)
class _Group:
    """Questions that hear the same source."""

    stem: str | None
    questions: list[Question] = field(default_factory=list)


def take_apart(
    model: Model, song: Source, rate: int, wanted: Sequence[str], asking: Asking, new_store: NewStore, way: Way
) -> Taken:
    """The ``wanted`` stems and what ``asking`` needs of ``song``, each in a store that ``new_store`` made."""
    needed = set(wanted) | asking.stems(model.spec.stems)
    if not asking.questions:
        return model.into(song, rate, _ordered(model, needed), new_store, way)
    asker = model.asker()
    if asker is model:
        queries = {each.key: vector(model, each, within=True) for each in asking.questions}
        return model.into(song, rate, _ordered(model, needed), new_store, way, queries)
    needed |= {each.stem for each in asking.questions if each.stem is not None}
    sources: dict[str, Source] = {}
    presence: dict[str, float] = {}
    if needed:
        sources |= model.into(song, rate, _ordered(model, needed), new_store, way).sources
    groups: dict[str | None, _Group] = {}
    for each in asking.questions:
        groups.setdefault(each.stem, _Group(each.stem)).questions.append(each)
    for number, group in enumerate(groups.values()):
        heard = song if group.stem is None else sources[group.stem]
        queries = {each.key: vector(asker, each, within=False) for each in group.questions}
        taken = asker.into(heard, rate, (), _prefixed(new_store, f"asked-{number}-"), way.of_other(), queries)
        sources |= taken.sources
        presence |= taken.presence
    return Taken(sources, presence)


def vector(asker: Model, question: Question, *, within: bool) -> Samples:
    """``[embedding]``: what ``asker`` is given. within: whether it hears the mix, and the stem has to be told."""
    stems, size = asker.spec.stems, asker.spec.embedding
    words = asker.encode(question.text) if question.clip is None else asker.encode_clip(*_clip(question))
    if size is not None and len(words) + len(stems) == size and stems:
        told = within and question.stem is not None
        weights = [float(stem == question.stem) if told else 1.0 for stem in stems]
        words = np.concatenate([words, np.array(weights, np.float32)])
    if len(words) != size:
        raise UsageError(f"a query has {len(words)} numbers; model {asker.name!r} takes {size}")
    return words


def _clip(question: Question) -> tuple[Samples, int]:
    assert question.clip is not None
    stores: list[ArrayStore] = []

    def new_store(_: str, channels: int) -> ArrayStore:
        stores.append(ArrayStore(channels))
        return stores[-1]

    mix = ingest(question.clip, new_store)
    return stores[0].samples, mix.rate


def _ordered(model: Model, needed: set[str]) -> list[str]:
    return [name for name in model.spec.stems if name in needed] + sorted(needed - set(model.spec.stems))


def _prefixed(new_store: NewStore, prefix: str) -> NewStore:
    """Stores of the second separator beside those of the first, whose names they must not take."""
    return lambda name, channels: new_store(f"{prefix}{name}", channels)

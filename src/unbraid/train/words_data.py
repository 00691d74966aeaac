"""Examples for a net that learns stems and words at once: some of either in every batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from unbraid.data.batch import Batch
from unbraid.data.sample import Sampler
from unbraid.train.query_data import QuerySampler, Questions


@dataclass(frozen=True)
class WordsBatch(Questions, Batch):
    """A batch of stems, whose fields come first, and as many stretches of other songs with questions."""


class WordsSampler:
    """Draws from both samplers; queries: questions about each stretch."""

    def __init__(self, stems: Sampler, words: QuerySampler, queries: int) -> None:
        self._stems, self._words, self._queries = stems, words, queries

    def batch(self, seed: Sequence[int], size: int) -> WordsBatch:
        stems = self._stems.batch(seed, size)
        # The samplers number their items, so one more number keeps their generators apart.
        asked = self._words.batch([*seed, np.iinfo(np.int32).max], size, self._queries)
        held = {field.name: getattr(each, field.name) for each in (stems, asked) for field in fields(each)}
        return WordsBatch(**held)

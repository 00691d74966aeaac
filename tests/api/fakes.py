"""Separators whose answers are known: fixed shares of what they hear, and answers that tell which source was heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unbraid.api.model import Model
from unbraid.engine.contract import Separated
from unbraid.engine.refine import Member
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.zoo.load import Loaded

SHARES = {"vocals": 0.1, "drums": 0.2, "bass": 0.3, "other": 0.4}
ASKED = 0.5
SIZE = 3


class Fixed:
    """Four stems, each its share of the mix; takes no queries."""

    spec = Spec("fixed", 44100, 2, tuple(SHARES), 8192, scale_equivariant=True)

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        assert queries is None, "a separator without queries was asked"
        return Separated(mix[:, None] * np.array(list(SHARES.values()), np.float32)[:, None, None])


class Asker:
    """No stems; answers any query with half of what it hears, and remembers the queries."""

    spec = Spec("asker", 32000, 1, (), 8192, embedding=SIZE)

    def __init__(self) -> None:
        self.asked: set[int] = set()

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        stems = np.zeros((len(mix), 0, *mix.shape[1:]), np.float32)
        if queries is None:
            return Separated(stems)
        self.asked.add(queries.shape[1])
        return Separated(stems, np.repeat(ASKED * mix[:, None], queries.shape[1], 1))


class Encoder:
    """Words and clips as vectors of ones."""

    size = SIZE

    def encode(self, texts: Sequence[str]) -> Samples:
        return np.ones((len(texts), SIZE), np.float32)

    def encode_clip(self, samples: object, rate: int) -> Samples:
        return np.ones(SIZE, np.float32)


def pair() -> Model:
    """The fixed separator, with the asker for its questions."""
    asker = Loaded("asker", (Member(Asker(), ()),), "b", "fake", encoder=Encoder())  # type: ignore[arg-type]  # as much as is used
    return Model(Loaded("fixed", (Member(Fixed(), (1.0,) * 4),), "a", "fake"), Model(asker))

"""The numbers by which the head for words is trained, and ``key=value`` changes to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unbraid.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """root: of the songs (train/, valid/). budget_s, steps: of training in all, whichever comes first; the rate falls
    to zero by a cosine over budget_s. hops: of a piece, odd. every: which tokens are learned from, the first of so
    many; neighbours are alike, and the head does not look from one to the next. floor: of the log error. presence,
    shares: weights of their losses beside it. loudness: power of the mix's energy in a bin by which the bin counts
    among the shares. start: a run of a head for another trunk, whose way to a mask is begun with.
    """

    root: str = "songs"
    budget_s: float = 3600.0
    steps: int = 1_000_000
    batch: int = 4
    queries: int = 8
    hops: int = 131
    every: int = 2
    rate: float = 1e-3
    warmup: int = 100
    weight_decay: float = 1e-2
    clip: float = 1.0
    ema: float = 0.998
    floor: float = 3e-4
    presence: float = 3.0
    shares: float = 3.0
    loudness: float = 0.35
    checkpoint_s: float = 120.0
    valid_batches: int = 12
    log_steps: int = 20
    seed: int = 0
    start: str = ""


def settings(changes: Sequence[str]) -> Settings:
    """The defaults with ``key=value`` changes. Raises UsageError."""
    kinds: dict[str, Callable[[Any], Any]] = {name: type(value) for name, value in asdict(Settings()).items()}
    given: dict[str, Any] = {}
    for change in changes:
        key, _, value = change.partition("=")
        if key not in kinds:
            raise UsageError(f"{key!r} is no setting; there are: {', '.join(kinds)}")
        try:
            given[key] = kinds[key](value)
        except ValueError as error:
            raise UsageError(f"{key} is {value!r}; it must be like {asdict(Settings())[key]!r}") from error
    return Settings(**given)

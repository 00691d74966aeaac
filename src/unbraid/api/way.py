"""How a song is gone through, and who hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from unbraid.engine.progress import OnProgress, StopAsked, never
from unbraid.engine.source import Source


@dataclass(frozen=True)
class Way:
    """overlap: of chunks, None for the model's own. shifts, seed: random delays that are averaged, and their seed."""

    overlap: float | None = None
    shifts: int = 0
    seed: int = 0
    progress: OnProgress | None = None
    stop_asked: StopAsked = never

    def of_other(self) -> Way:
        """For a second separator, whose overlap is its own."""
        return replace(self, overlap=None)


@dataclass(frozen=True)
class Taken:
    """What was taken out of a song. presence: of the answers to questions, 0 to 1, where the separator tells it."""

    sources: dict[str, Source]
    presence: Mapping[str, float] = field(default_factory=dict)

"""Every number of the search for absent sources. None of them is published; all are settings."""

from __future__ import annotations

from dataclasses import dataclass

from unbraid.data.tracks.found import STEMS
from unbraid.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """stems: what is looked for. absent_db: a source this far below the mixture counts as silent. silent_db: seconds of
    the mixture below it say nothing. shortest_s, longest_s: of an excerpt; longer ones are cut. margin_s: taken off
    both ends of an excerpt. precision: share of the detector's finds that should be right, on songs it did not learn
    from; evidence_s: with fewer seconds to judge that by, nothing is found.
    """

    stems: tuple[str, ...] = STEMS
    absent_db: float = -20.0
    silent_db: float = -50.0
    shortest_s: float = 6.0
    longest_s: float = 60.0
    margin_s: float = 0.5
    precision: float = 0.95
    evidence_s: int = 20

    def __post_init__(self) -> None:
        if not self.stems or self.shortest_s <= 0 or self.longest_s < self.shortest_s or self.margin_s < 0:
            raise UsageError(
                "unlabeled: needs stems, shortest_s above zero and not above longest_s, margin_s not below 0"
            )
        if not 0 < self.precision <= 1:
            raise UsageError(f"unlabeled: precision is {self.precision}; it must be above 0 and at most 1")

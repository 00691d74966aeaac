"""Whether a sound is in a song, from what each chunk says.

A sound that plays in one part of a song is in the song, and one chunk that errs is no proof. So a query's score is
the mean over the quarter of the chunks with the highest scores, at least one. Silent chunks count as zero.
"""

from __future__ import annotations

import numpy as np

from unbraid.signal import Samples

_SHARE = 4


class Presence:
    """Collects ``[query]`` scores of chunks."""

    def __init__(self) -> None:
        self._rows: list[Samples] = []
        self._claimed = True

    def push(self, scores: Samples | None) -> None:
        """Scores of one chunk; None from a separator that tells nothing of presence."""
        if scores is None:
            self._claimed = False
        else:
            self._rows.append(scores)

    def pooled(self) -> Samples | None:
        """``[query]``, 0 to 1, or None where it was not told for every chunk."""
        if not self._rows or not self._claimed:
            return None
        scores = np.sort(np.stack(self._rows), axis=0)[::-1]
        pooled: Samples = scores[: max(1, len(scores) // _SHARE)].mean(0).astype(np.float32)
        return pooled

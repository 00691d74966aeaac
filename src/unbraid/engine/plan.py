"""How a song of any length is cut into chunks: pure arithmetic, no audio.

A chunk answers for ``start : stop``. The net is given more around it, ``given_start : given_stop``, so that what it
sees has a length that it can work on; that padding is real audio where the song has any. Semantics are those of
demucs ``apply_model(split=True)``: chunks begin every ``stride`` samples, also where the last ones lie wholly within
the one before, and the padding is shared evenly, the odd sample on the right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unbraid.errors import UsageError
from unbraid.spec import Spec


@dataclass(frozen=True)
class Chunk:
    """Sample positions in the song; ``given`` may reach beyond its ends."""

    start: int
    stop: int
    given_start: int
    given_stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def left(self) -> int:
        """Samples of padding before the chunk's own."""
        return self.start - self.given_start


def check_overlap(overlap: float) -> float:
    """The overlap of neighbouring chunks as a fraction of a segment; 0 to 0.95."""
    if not 0.0 <= overlap <= 0.95:
        raise UsageError(f"overlap is {overlap}; it must lie between 0 and 0.95 (0.25 is usual)")
    return overlap


def stride_of(spec: Spec, overlap: float) -> int:
    """Samples between the starts of neighbouring chunks."""
    return max(1, int((1 - check_overlap(overlap)) * spec.segment))


def plan(length: int, spec: Spec, overlap: float) -> Iterator[Chunk]:
    """The chunks of a song of ``length`` samples, in the order of their starts."""
    for start in range(0, length, stride_of(spec, overlap)):
        stop = min(start + spec.segment, length)
        extra = spec.valid_length(stop - start) - (stop - start)
        given_start = start - extra // 2
        yield Chunk(start, stop, given_start, given_start + extra + (stop - start))


def count(length: int, spec: Spec, overlap: float) -> int:
    """How many chunks :func:`plan` gives."""
    return -(-length // stride_of(spec, overlap))

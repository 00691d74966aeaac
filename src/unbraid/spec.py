"""The facts of a separator that everybody around it needs: engine, router, screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unbraid.errors import ModelError

Normalize = Literal["none", "track"]


@dataclass(frozen=True)
class Spec:
    """What a separator is.

    name: as the user types it.
    rate: samples per second it was trained at.
    channels: how many it takes and gives.
    stems: what it takes out, in the order of its output.
    segment: longest chunk it is given at once, in samples.
    fixed_length: whether every chunk must be padded to exactly ``segment`` (graphs of fixed shape,
        HTDemucs); otherwise a chunk may have any of the lengths that ``shortest`` and ``multiple`` name.
    shortest, multiple: a chunk is padded to the next of ``shortest``, ``shortest + multiple``, ``shortest + 2 *
        multiple`` ... samples (strided nets); with ``shortest`` 0 these are the multiples.
    normalize: "track" if the net wants the whole song's mono mean removed and its deviation set to one.
    scale_equivariant: twice as loud in gives twice as loud out.
    silence_exact: zeros in give exact zeros out (without the engine's gate).
    embedding: size of a query vector, or None if the net takes no queries.
    balanced: wants both channels about equally loud and of one sign, and hears a song so (unbraid.api.balance).
    overlap: of neighbouring chunks, as a fraction of a segment, if the user names none.
    """

    name: str
    rate: int
    channels: int
    stems: tuple[str, ...]
    segment: int
    fixed_length: bool = False
    multiple: int = 1
    normalize: Normalize = "none"
    scale_equivariant: bool = False
    silence_exact: bool = False
    embedding: int | None = None
    overlap: float = 0.25
    shortest: int = 0
    balanced: bool = False

    def __post_init__(self) -> None:
        for word in ("rate", "channels", "segment", "multiple"):
            if getattr(self, word) <= 0:
                raise ModelError(f"model {self.name!r} says {word} = {getattr(self, word)}; it must be positive")
        if len(set(self.stems)) != len(self.stems):
            raise ModelError(f"model {self.name!r} names a stem twice: {', '.join(self.stems)}")

    def valid_length(self, length: int) -> int:
        """How many samples the net must be given to answer for ``length`` of them (never fewer)."""
        if self.fixed_length:
            return max(self.segment, length)
        return self.shortest - (min(self.shortest - length, 0) // self.multiple) * self.multiple

"""The contract that every separator keeps, whatever computes it.

A separator answers all stems and all queries of a batch of chunks in one call, so the trunk of a net
runs once. It knows nothing of songs, files or overlap: that is the engine's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from unbraid.signal import Samples
from unbraid.spec import Spec


@dataclass(frozen=True)
class Separated:
    """One answer.

    stems: ``[batch, stem, channel, time]``, in the order of ``Spec.stems``.
    asked: ``[batch, query, channel, time]``, or None if nothing was asked.
    presence: ``[batch, query]``, 0 (not there) to 1 (there), or None.
    """

    stems: Samples
    asked: Samples | None = None
    presence: Samples | None = None


class Separator(Protocol):
    """Anything that takes chunks apart; safe to be called from several threads at once."""

    @property
    def spec(self) -> Spec: ...

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        """Take ``mix[batch, channel, time]`` apart; ``queries[batch, query, embedding]`` asks for more."""
        ...


@runtime_checkable
class Sharing(Separator, Protocol):
    """A separator that shares the cores out among its calls."""

    @property
    def callers(self) -> int:
        """Calls at once, at most."""
        ...

    def among(self, callers: int) -> Self:
        """The same separator for so many calls at once, each of which has a larger share of the cores."""
        ...


@runtime_checkable
class Gathering(Separator, Protocol):
    """A separator that takes several chunks apart in little more time than one."""

    @property
    def together(self) -> int:
        """Chunks that it likes to be given at once."""
        ...

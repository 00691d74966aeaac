"""The batches of one process, step after step, drawn as they are asked for or ahead by processes of their own.

A GPU learns from a batch in less time than one core takes to read, mix and change its songs. What a step draws follows
from its key alone, so who draws it, and when, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import Protocol, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unbraid.errors import UnbraidError
from unbraid.train.material import AnySampler, arrays

_LAST = 1 << 31  # more steps than any run has
_AHEAD = 2  # batches that each reader keeps ready


Drawn: TypeAlias = dict[str, Tensor] | UnbraidError


class ReadingError(UnbraidError):
    """A reader was killed."""


class Reading(Protocol):
    """The batches of one process."""

    def batch(self, step: int) -> dict[str, Tensor]:
        """The arrays of a batch by name, in the order in which a task takes them, examples along the first axis."""
        ...


@dataclass(frozen=True)
class AtOnce(Dataset[Drawn]):
    """Draws what is asked for. key: what, with the step between its two numbers, seeds a draw. size: examples."""

    sampler: AnySampler
    key: tuple[int, int]
    size: int

    def batch(self, step: int) -> dict[str, Tensor]:
        drawn = self.sampler.batch([*self.key, step], self.size)
        return {name: torch.from_numpy(value) for name, value in arrays(drawn).items()}

    def __getitem__(self, step: int) -> dict[str, Tensor] | UnbraidError:
        """As :meth:`batch`, for another process: an error goes back as an answer, or a traceback would go with it."""
        try:
            return self.batch(step)
        except UnbraidError as error:
            return error


class Ahead:
    """The same draws, by ``readers`` processes, for steps that are asked for one after the other.

    pinned: the batches lie where a GPU can fetch them from.
    """

    def __init__(self, source: AtOnce, readers: int, pinned: bool) -> None:
        self._source, self._readers, self._pinned = source, readers, pinned
        self._coming: Iterator[Drawn] = iter(())
        self._next: int | None = None

    def batch(self, step: int) -> dict[str, Tensor]:
        if step != self._next:
            self._coming = iter(self._from(range(step, _LAST)))
        self._next = step + 1
        try:
            drawn = next(self._coming)
        except RuntimeError as error:
            raise ReadingError(
                f"a process that reads ahead was killed ({str(error).splitlines()[0]}); memory may be too small, or "
                f"shared memory (/dev/shm), for {_AHEAD} batches of each of {self._readers}: lower run.readers"
            ) from error
        if isinstance(drawn, UnbraidError):
            raise drawn
        return drawn

    def _from(self, steps: Sequence[int]) -> DataLoader[Drawn]:
        return DataLoader(
            self._source,
            batch_size=None,
            sampler=steps,
            num_workers=self._readers,
            prefetch_factor=_AHEAD,
            pin_memory=self._pinned,
            multiprocessing_context=_context(),
        )


def _context() -> BaseContext:
    """Readers come from a process that has no threads: a fork of one that computes may hang."""
    if "forkserver" not in get_all_start_methods():
        return get_context()
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def reading(sampler: AnySampler, key: tuple[int, int], size: int, readers: int, pinned: bool) -> Reading:
    """Batches of ``size`` examples from ``sampler``: see :class:`AtOnce` and :class:`Ahead`."""
    source = AtOnce(sampler, key, size)
    return Ahead(source, readers, pinned) if readers else source

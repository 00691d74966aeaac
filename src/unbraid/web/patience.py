"""Patience with strangers: what takes long has few threads, and what is silent is not waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.exceptions import HTTPException

T = TypeVar("T")
_SILENT_S = 60.0


class Few:
    """Threads for what takes long: some at once, some more that wait, and a refusal for the others."""

    def __init__(self, at_once: int) -> None:
        self._limiter, self._asked, self._most = anyio.CapacityLimiter(at_once), 0, 4 * at_once

    async def run(self, work: Callable[[], T]) -> T:
        if self._asked >= self._most:
            raise HTTPException(503, "the desk is busy; try again in a moment")
        self._asked += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._asked -= 1

    async def each(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """One piece after the other, so that several have their turns."""
        while (piece := await anyio.to_thread.run_sync(next, pieces, None, limiter=self._limiter)) is not None:
            if piece:
                yield piece


async def steady(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """``stream``, unless it is silent for too long. Raises TimeoutError."""
    while True:
        with anyio.fail_after(_SILENT_S):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk

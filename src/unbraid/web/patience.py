"""Patience with strangers: what takes long has few threads, and what is silent is not waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
_SILENT_S = 60.0


class Few:
    """Threads for what takes long: some at once, some more that wait, and a refusal for the others."""

    def __init__(self, at_once: int) -> None:
        self._limiter, self._asked, self._most = anyio.CapacityLimiter(at_once), 0, 4 * at_once

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places; raises HTTPException if all are taken."""
        if self._asked >= self._most:
            raise HTTPException(503, "the desk is busy; try again in a moment")
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def run(self, work: Callable[[], T]) -> T:
        with self.place():
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    async def each(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """One piece after the other, so that several have their turns."""
        while (piece := await anyio.to_thread.run_sync(next, pieces, None, limiter=self._limiter)) is not None:
            if piece:
                yield piece


class Streamed(StreamingResponse):
    """``pieces`` as they come, in a place among ``few`` that is taken before the answer begins and free at its end."""

    def __init__(self, few: Few, pieces: Iterator[bytes], media_type: str, headers: dict[str, str]) -> None:
        super().__init__(few.each(pieces), media_type=media_type, headers=headers)
        self._few = few

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._few.place():
            await super().__call__(scope, receive, send)


async def steady(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """``stream``, unless it is silent for too long. Raises TimeoutError."""
    while True:
        with anyio.fail_after(_SILENT_S):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk

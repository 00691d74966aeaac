"""One thread, and the line of those who wait for it. What one job breaks stays with that job."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from unbraid.engine.progress import OnProgress, Progress, StopAsked

Do = Callable[[str, OnProgress, StopAsked], None]
_IDLE_S, _BREATH_S = 600.0, 1.0


@dataclass(frozen=True)
class Place:
    """Where a job is: under way, with its progress, or waiting behind ``ahead`` others; neither if it is not here."""

    running: Progress | None = None
    ahead: int | None = None


class Line:
    """Calls ``do(id, on_progress, stop_asked)`` for one id after the other; ``idle()`` now and then. :meth:`close` it.

    An id waits in it once at most, also while it is being done: then it is done again.
    """

    def __init__(self, do: Do, idle: Callable[[], None]) -> None:
        self._do, self._idle = do, idle
        self._turn = threading.Condition()
        self._waiting: deque[str] = deque()
        self._current: str | None = None
        self._progress = Progress(0.0, "read")
        self._stop = self._closed = False
        self._thread = threading.Thread(target=self._work, name="unbraid-desk", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        return self._closed

    def add(self, id: str) -> None:
        with self._turn:
            if id not in self._waiting:
                self._waiting.append(id)
            self._turn.notify()

    def remove(self, id: str) -> None:
        """Nothing more is to be done for ``id``; what is under way is asked to stop."""
        with self._turn:
            with contextlib.suppress(ValueError):
                self._waiting.remove(id)
            self._stop = self._stop or self._current == id

    def place(self, id: str) -> Place:
        with self._turn:
            if self._current == id:
                return Place(running=self._progress)
            if id in self._waiting:
                return Place(ahead=self._waiting.index(id) + (self._current is not None))
            return Place()

    def close(self) -> None:
        """Ask what is under way to stop, and wait for it."""
        with self._turn:
            self._closed = self._stop = True
            self._turn.notify()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._closed:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._closed, timeout=_IDLE_S)
                self._stop = self._closed
                self._current = self._waiting.popleft() if self._waiting and not self._closed else None
                self._progress = Progress(0.0, "read")
                current = self._current
            try:
                if current is not None:
                    self._do(current, self._hear, lambda: self._stop)
                self._idle()
            except Exception:  # a disk or a system in need, since the job itself has caught its own
                threading.Event().wait(_BREATH_S)
                if current is not None and not self._stop:
                    self.add(current)
            finally:
                with self._turn:
                    self._current = None

    def _hear(self, progress: Progress) -> None:
        self._progress = progress

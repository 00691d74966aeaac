"""What a caller may learn while it waits, and how it says stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from unbraid.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """fraction: of the whole job, 0 to 1. stage: a word for the screen. seconds_left: None until it can be told."""

    fraction: float
    stage: str
    seconds_left: float | None = None


OnProgress = Callable[[Progress], None]
StopAsked = Callable[[], bool]


def never() -> bool:
    """The ``stop_asked`` of one who never stops."""
    return False


class Meter:
    """Counts equal steps of a stage and tells how far it is; raises Cancelled when asked to stop."""

    def __init__(
        self, stage: str, steps: int, on_progress: OnProgress | None = None, stop_asked: StopAsked = never
    ) -> None:
        self._stage, self._steps = stage, max(steps, 1)
        self._tell, self._stop_asked = on_progress, stop_asked
        self._done, self._began = 0, time.monotonic()

    def check(self) -> None:
        if self._stop_asked():
            raise Cancelled("stopped on request")

    def step(self) -> None:
        """One step is done."""
        self.check()
        self._done += 1
        if self._tell is not None:
            fraction = min(self._done / self._steps, 1.0)
            spent = time.monotonic() - self._began
            self._tell(Progress(fraction, self._stage, spent * (1 - fraction) / fraction))

"""The log of a run: one JSON object a line, appended, so that a resumed run goes on where it stopped.

Whoever wants to watch is told the same, and TensorBoard gets the numbers as curves if it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unbraid.errors import MissingExtra

Watcher = Callable[[str, dict[str, Any]], None]
"""Hears of every event: its kind and its values."""


class Log:
    """Appends to ``path``; every line has the time and the kind of event."""

    def __init__(self, path: Path, *, watcher: Watcher | None = None, tensorboard: bool = False) -> None:
        self._path, self._watcher = path, watcher
        path.parent.mkdir(parents=True, exist_ok=True)
        self._curves = _curves(path.parent / "tensorboard") if tensorboard else None

    def __call__(self, event: str, **values: Any) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._curves is not None:
            for name, number in numbers(event, values):
                self._curves.add_scalar(name, number, values.get("step"))
        self.tell(event, **values)

    def tell(self, event: str, **values: Any) -> None:
        """Tell the watcher alone."""
        if self._watcher is not None:
            self._watcher(event, values)


class Mute(Log):
    """The log of every process but the first."""

    def __init__(self) -> None:
        self._watcher = None

    def __call__(self, event: str, **values: Any) -> None:
        pass


def numbers(event: str, values: dict[str, Any]) -> list[tuple[str, float]]:
    """The numbers of an event by their path, such as ("valid/sdr_db/vocals", 5.1), but for the step."""
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += numbers(f"{event}/{name}", value)
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "step":
            found.append((f"{event}/{name}", float(value)))
    return found


def _curves(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra(
            "run.tensorboard needs tensorboard; install it with: pip install 'unbraid[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder))

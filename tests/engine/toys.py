"""Separators made for tests: what they do is known in closed form."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from unbraid.engine.contract import Separated
from unbraid.signal import Samples
from unbraid.spec import Spec


@dataclass
class Toy:
    """Answers stem k with ``shares[k]`` times the mix; remembers the lengths and threads it saw."""

    spec: Spec
    shares: tuple[float, ...] = (1.0,)
    jitter_s: float = 0.0
    calls: list[tuple[int, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        with self.lock:
            self.calls.append((len(mix), mix.shape[-1]))
            number = len(self.calls)
        if self.jitter_s:  # the earlier the call, the later its answer: order must come from the plan
            time.sleep(self.jitter_s * (3 - number % 4))
        stems = np.stack([np.float32(share) * mix for share in self.shares], axis=1)
        asked = presence = None
        if queries is not None:
            asked = queries.mean(-1)[:, :, None, None] * mix[:, None]
            presence = (queries.mean(-1) > 0.5).astype(np.float32)
        return Separated(stems, asked, presence)


def toy(segment: int = 64, shares: tuple[float, ...] = (1.0,), jitter_s: float = 0.0, **facts: object) -> Toy:
    stems = tuple(f"stem{k}" for k in range(len(shares)))
    settings: dict[str, object] = {"rate": 100, "channels": 2, **facts}
    return Toy(Spec("toy", stems=stems, segment=segment, **settings), shares, jitter_s)  # type: ignore[arg-type]

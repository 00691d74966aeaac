"""A recipe of seconds: the compact net at an eighth of its size, on three songs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.data.songs import write_studio
from unbraid.train.recipe import Recipe
from unbraid.train.recipe_file import parse

NET: dict[str, Any] = {
    "n_fft": 256,
    "hop": 64,
    "segment": 64 * 31,
    "bands": [[4, 4, 1], [3, 8, 1], [3, 15, 2]],
    "width": 8,
    "hidden": 8,
    "near": 16,
    "alike": 2,
    "blocks": ["far"],
    "mixer": 8,
    "head": 8,
}


def recipe(root: Path, *changes: str) -> Recipe:
    """Eight steps on songs written to ``root``."""
    if not root.exists():
        write_studio(root)
    raw = {
        "net": {"name": "compact", "config": dict(NET)},
        "data": {"root": str(root), "hops": 31, "rescan_s": 1e9},
        "optim": {"batch": 2, "warmup": 2},
        "schedule": {"steps": 8},
        "run": {"checkpoint_s": 1e9, "valid_s": 1e9, "valid_piece_s": 0.5, "log_steps": 1},
    }
    return parse(raw, changes)

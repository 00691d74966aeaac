"""The model that travels in the package: it works at once, with no download."""

from __future__ import annotations

from pathlib import Path

NAME = "compact"


def facts_path() -> Path:
    """The JSON beside the bundled graph."""
    return Path(__file__).parent / "weights" / f"{NAME}.json"

"""The folder for what is downloaded or made once: weights and exported graphs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """``$UNBRAID_HOME``, or the place for caches that this system's users expect."""
    if "UNBRAID_HOME" in os.environ:
        return Path(os.environ["UNBRAID_HOME"]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "unbraid"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "unbraid"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unbraid"

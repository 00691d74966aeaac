"""Packages of others that want ffmpeg on PATH to be imported, though nothing here makes them call it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from unittest.mock import patch


def peer(name: str) -> ModuleType:
    """``stempeg``, or ``museval``, which imports it."""
    with patch("shutil.which", lambda program, *_, **__: program):
        return import_module(name)

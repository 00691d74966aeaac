"""The house: which room may import which, and what the base install may never import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "unbraid"

# Rooms from left to right; those on one line do not import each other. A room imports only rooms to its left.
FLOORS = [
    {"errors"},
    {"signal", "spec", "home"},
    {"transform", "audio", "nets", "query", "metrics", "engine"},
    {"runtime", "data", "picture"},
    {"zoo"},
    {"api"},
    {"evaluate", "cluster", "web"},
    {"train"},
    {"cli"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# The package's own face: names that are resolved on first use.
FACE = {"__init__", "__main__"}
# Where torch may be imported; everything else must work without it.
TORCH = ("nets/", "runtime/torch", "zoo/adopt/", "zoo/export", "train/", "data/studio/")


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every imported module by its full name, imports inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the arrow"
            assert node.module is not None
            yield node.lineno, node.module
            if node.module == "unbraid":
                yield from ((node.lineno, f"unbraid.{alias.name}") for alias in node.names)


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_arrows_point_left(path: Path) -> None:
    room = room_of(path)
    if room in FACE:
        return
    assert room in FLOOR_OF, f"{room} has no place in the house; see docs/design.md"
    for line, module in imports(path):
        parts = module.split(".")
        if parts[0] != "unbraid" or len(parts) == 1 or parts[1] not in FLOOR_OF:
            continue
        other = parts[1]
        allowed = other == room or FLOOR_OF[other] < FLOOR_OF[room]
        assert allowed, f"{path.relative_to(SOURCE)}:{line} imports {module}: {room} lies left of it or beside it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_stays_in_its_rooms(path: Path) -> None:
    relative = path.relative_to(SOURCE).as_posix()
    if relative.startswith(TORCH) or relative == "cli/doctor.py":
        return
    for line, module in imports(path):
        assert module.split(".")[0] not in {"torch", "lightning_fabric"}, f"{relative}:{line} imports {module}"


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after ``code`` has run in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_unbraid_loads_nothing_heavy() -> None:
    heavy = {"numpy", "torch", "onnxruntime", "av", "soundfile", "rich", "typer", "matplotlib"}
    assert not loaded_by("import unbraid") & heavy


def test_help_loads_no_numpy() -> None:
    assert not loaded_by("import unbraid.cli.main") & {"numpy", "torch", "onnxruntime", "av", "soundfile"}


def test_the_python_api_needs_no_torch() -> None:
    assert not loaded_by("import unbraid; unbraid.separate, unbraid.load") & {"torch", "matplotlib", "openvino"}

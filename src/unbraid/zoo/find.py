"""Weights that other programs left on this computer: found by name, taken after the checksum.

Models of the community, of which no catalogue knows a checksum, are named where they lie.

Looked into are the folders where torch hub (demucs), the Hugging Face cache (demucs 4.1), Ultimate Vocal Remover and
audio-separator keep theirs, and any that the caller adds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unbraid.errors import ModelError, OutputError
from unbraid.zoo.catalogue import Address, Weights, entries
from unbraid.zoo.fetch import folder_in, matches
from unbraid.zoo.mdx_net import is_mdx
from unbraid.zoo.settings import SUFFIXES, settings_of

_DEEPEST = 4


@dataclass(frozen=True)
class Found:
    """A file of the catalogue. models: the names of those it belongs to."""

    path: Path
    weights: Weights
    address: Address
    models: tuple[str, ...]


def usual_folders() -> list[Path]:
    """Where other programs put weights on this system."""
    user, cache = Path.home(), Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    hub = Path(os.environ.get("HF_HUB_CACHE", Path(os.environ.get("HF_HOME", cache / "huggingface")) / "hub"))
    remover = "Ultimate Vocal Remover"
    return [
        Path(os.environ.get("TORCH_HOME", cache / "torch")) / "hub" / "checkpoints",
        *sorted(hub.glob("models--adefossez--*/snapshots")),
        Path(os.environ.get("LOCALAPPDATA", user / "AppData" / "Local")) / "Programs" / remover / "models",
        Path("/Applications") / f"{remover}.app" / "Contents" / "Resources" / "models",
        user / "ultimatevocalremovergui" / "models",
        Path(os.environ.get("AUDIO_SEPARATOR_MODEL_DIR", "/tmp/audio-separator-models")),
    ]


def search(folders: Sequence[Path] | None = None) -> Iterator[Found]:
    """Files of the catalogue in ``folders`` (default: the usual ones) whose checksum is right, each checkpoint once."""
    wanted = _by_filename()
    seen: set[str] = set()
    for folder in usual_folders() if folders is None else folders:
        for path in _walk(folder):
            weights, address, models = wanted.get(path.name, (None, None, ()))
            if weights is None or address is None or weights.signature in seen:
                continue
            if _readable(path, address):
                seen.add(weights.signature)
                yield Found(path, weights, address, models)


def community(folders: Sequence[Path] | None = None) -> Iterator[Path]:
    """RoFormers, MDX23C nets, SCNets and MDX-Net graphs in ``folders`` (default: the usual ones).

    Those whose settings are there too; tables and settings that cannot be read are passed over.
    """
    seen: set[Path] = set()
    for folder in usual_folders() if folders is None else folders:
        for path in _walk(folder):
            try:
                known = path.suffix in SUFFIXES and settings_of(path) is not None
                known = known or (path.suffix == ".onnx" and is_mdx(path))
            except ModelError:
                continue
            if known and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def take(found: Found, home: Path) -> Path:
    """Put a found file into ``home``, as a hard link where the disk allows, and return its path there.

    Raises OutputError if it cannot be written or changes under our hands.
    """
    folder = folder_in(home)
    path, part = folder / found.address.filename, folder / f"{found.address.filename}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(found.path.resolve(), part)
        except OSError:  # another disk, or one without links
            shutil.copyfile(found.path, part)
        if not matches(part, found.address):
            raise OutputError(f"{found.path}: changed while it was copied; try again")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _by_filename() -> dict[str, tuple[Weights, Address, tuple[str, ...]]]:
    """Every file name of the catalogue."""
    found: dict[str, tuple[Weights, Address, tuple[str, ...]]] = {}
    for entry in entries():
        for weights in entry.files:
            for address in weights.addresses:
                _, _, models = found.get(address.filename, (weights, address, ()))
                found[address.filename] = (weights, address, (*models, entry.name))
    return found


def _walk(folder: Path) -> Iterator[Path]:
    """Files below ``folder``, not too deep; folders that cannot be read are passed over."""
    base = len(folder.parts)
    for here, below, names in os.walk(folder):
        if len(Path(here).parts) - base >= _DEEPEST:
            below.clear()
        yield from (Path(here) / name for name in sorted(names))


def _readable(path: Path, address: Address) -> bool:
    try:
        return path.is_file() and matches(path, address)
    except OSError:
        return False

"""The settings that lie beside the weights of RoFormers and MDX23C nets: the YAML of their training.

Read with PyYAML's safe loader, which makes plain values only; what such files mark as Python's tuples are lists. Names
for values (aliases) are refused, so that no small file can mean a large one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unbraid.errors import MissingExtra, ModelError

SUFFIXES = (".ckpt", ".pt", ".th", ".safetensors")
"""Of weights that have such settings."""

_LARGEST = 64 << 10
_LONGEST_S = 60
_CONFIGS = Path("model_data") / "mdx_c_configs"
"""Where Ultimate Vocal Remover keeps such files, below the folder of the weights."""


class Part(dict[str, Any]):
    """One part of such a file."""

    def size(self, key: str, usual: int, most: int) -> int:
        """A whole number from 1 to ``most``. Raises ModelError, as a sentence that begins with the file's name."""
        value = self.get(key, usual)
        if type(value) is not int or not 0 < value <= most:
            raise ModelError(f"has {key} = {str(value)[:40]}; it must be a whole number from 1 to {most}")
        return value


@dataclass(frozen=True)
class Settings:
    """stems: what the net gives, in order; complement: whether the last is what the one before leaves of the mix.

    rate (Hz): of the audio; segment (samples): of a piece. audio, model: all that these parts of the file say.
    """

    stems: tuple[str, ...]
    complement: bool
    rate: int
    segment: int
    audio: Part
    model: Part


def is_settings(path: Path) -> bool:
    """Whether a ``.yaml`` file is one of these: it has a part called ``model`` at its left edge, and one ``audio``."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except OSError:
        return False
    return {b"model", b"audio"} <= set(re.findall(rb"^(\w+)[ \t]*:(?:\s|$)", data, re.MULTILINE))


def settings_of(weights: Path) -> Path | None:
    """The file with the settings of ``weights``: beside it, or where Ultimate Vocal Remover puts it, by its name.

    Some are published under two names that have nothing in common; those belong together if they lie alone.
    """
    stem = weights.name.removesuffix(weights.suffix)
    names = (f"{stem}.yaml", f"{stem}.yml", f"{stem}_config.yaml", f"config_{stem}.yaml")
    places = (weights.parent / folder / name for folder in (Path(), _CONFIGS) for name in names)
    named = next((place for place in places if place.is_file() and is_settings(place)), None)
    return named or (_alone(weights.parent) or (None, None))[1]


def weights_of(settings: Path) -> Path:
    """The weights that lie beside ``settings``. Raises ModelError if it cannot be told which they are."""
    stem = settings.stem.removesuffix("_config").removeprefix("config_")
    found = [place for suffix in SUFFIXES if (place := settings.with_name(stem + suffix)).is_file()]
    alone = _alone(settings.parent)
    if len(found) != 1 and alone is None:
        raise ModelError(f"{settings}: {len(found)} files of weights called {stem} lie beside it; one is needed")
    return found[0] if alone is None else alone[0]


def _alone(folder: Path) -> tuple[Path, Path] | None:
    """The weights and the settings of a folder, if it has one of each."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    weights = [file for file in files if file.suffix in SUFFIXES]
    settings = [file for file in files if file.suffix in (".yaml", ".yml") and is_settings(file)]
    return (weights[0], settings[0]) if len(weights) == len(settings) == 1 else None


def read_settings(path: Path) -> Settings:
    """The settings in ``path``. Raises ModelError with one line that names the file and what is wrong in it."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ModelError(f"is larger than {_LARGEST} bytes")
        return _settings(_parsed(data))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ModelError as error:
        raise ModelError(f"{path}: refused: it {error}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("the settings of a RoFormer are YAML, pip install 'unbraid[torch]'") from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
        """Plain values; tuples are lists."""

    Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node))
    try:
        text = data.decode("utf-8")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ModelError("uses aliases, which no such file needs")
        value = yaml.load(text, Loader)  # a safe loader, as above
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ModelError(f"is not YAML that can be read ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(value, dict):
        raise ModelError("has no settings")
    return value


def _settings(value: dict[str, Any]) -> Settings:
    audio, model, training = (_part(value, name) for name in ("audio", "model", "training"))
    piece = Part({**audio, **_part(value, "inference", {})})
    named = _names(training.get("instruments"))
    target = training.get("target_instrument")
    stems, complement = named, False
    if target is not None:
        (wanted,) = _names([target])
        if wanted not in named:
            raise ModelError(f"wants {wanted!r}, which is not among its instruments ({', '.join(named)})")
        others = [name for name in named if name != wanted]
        # Of two, the other is what is left. Of more it would be no one's.
        complement = len(others) == 1
        stems = (wanted, *others) if complement else (wanted,)
    rate = audio.size("sample_rate", 44_100, 768_000)
    return Settings(stems, complement, rate, piece.size("chunk_size", 352_800, _LONGEST_S * rate), audio, model)


def _part(value: dict[str, Any], name: str, usual: dict[str, Any] | None = None) -> Part:
    part = value.get(name, usual)
    if not isinstance(part, dict):
        raise ModelError(f"has no part called {name}")
    return Part(part)


def _names(value: object) -> tuple[str, ...]:
    """Names of stems as file names have them: small letters, digits and _."""
    plain = isinstance(value, (list, tuple)) and 0 < len(value) <= 32 and all(isinstance(each, str) for each in value)
    if not plain:
        raise ModelError("has no list of instruments")
    assert isinstance(value, (list, tuple))
    names = tuple(re.sub(r"[^a-z0-9]+", "_", each.lower()).strip("_")[:39] for each in value)
    if not all(names) or len(set(names)) != len(names):
        raise ModelError(f"has the instruments {', '.join(map(str, value))[:120]}, which make no file names")
    return names

"""The settings that lie beside the weights of RoFormers, MDX23C nets and SCNets: the YAML of their training.

Read with PyYAML's safe loader, which makes plain values only; what such files mark as Python's tuples are lists. Names
for values (aliases) are refused, so that no small file can mean a large one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unbraid.errors import MissingExtra, ModelError
from unbraid.zoo.guard_names import shown
from unbraid.zoo.uvr_table import rows

_YAML = (".yaml", ".yml")
SUFFIXES = (".ckpt", ".pt", ".th", ".safetensors")
"""Of weights that have such settings."""

_LARGEST = 64 << 10
_LONGEST_S = 60
_CONFIGS = Path("model_data") / "mdx_c_configs"
"""Where Ultimate Vocal Remover keeps such files, below the folder of the weights."""


class Part(dict[str, Any]):
    """One part of such a file."""

    def size(self, key: str, usual: int | None, most: int) -> int:
        """A whole number from 1 to ``most``; without a usual one it must be told.

        Raises ModelError, as a sentence that begins with the file's name.
        """
        value = self.get(key, usual)
        if value is None:
            raise ModelError(f"has settings without {key}")
        if type(value) is not int or not 0 < value <= most:
            raise ModelError(f"has settings with {key} = {shown(value)}; it must be a whole number from 1 to {most}")
        return value

    def flag(self, key: str, usual: bool) -> bool:
        """Yes or no. Raises as :meth:`size`."""
        value = self.get(key, usual)
        if type(value) is not bool:
            raise ModelError(f"has settings with {key} = {shown(value)}; it must be true or false")
        return value


@dataclass(frozen=True)
class Settings:
    """stems: what the net gives, in order; complement: whether the last is what the one before leaves of the mix.

    rate (Hz): of the audio; segment (samples): of a piece; normalized: whether the net wants a song's mean removed and
    its deviation set to one. audio, model: all that these parts of the file say.
    """

    stems: tuple[str, ...]
    complement: bool
    rate: int
    segment: int
    normalized: bool
    audio: Part
    model: Part


def is_settings(path: Path) -> bool:
    """Whether a ``.yaml`` file is one of these: it has a part called ``model`` at its left edge, and one ``audio``."""
    try:
        with path.open("rb") as file:
            text = _text(file.read(_LARGEST))
    except (OSError, UnicodeDecodeError):
        return False
    return {"model", "audio"} <= set(re.findall(r"^(\w+)[ \t]*:(?:\s|$)", text, re.MULTILINE))


def paired(model: str) -> tuple[Path, Path | None]:
    """The weights that ``model`` names, and the file of their settings, if there is one.

    It is the path of the weights, beside which the settings lie under the same name or that which Ultimate Vocal
    Remover knows; the path of the settings; or both with a plus between them. Raises ModelError if the weights of
    settings cannot be told.
    """
    path = Path(model)
    if path.suffix in _YAML and is_settings(path):
        return _weights_of(path), path
    first, plus, second = model.rpartition("+")
    if plus and not path.exists() and Path(second).suffix in _YAML:
        weights, settings = Path(first), Path(second)
        return weights, settings if settings.exists() else weights.parent / second
    return path, settings_of(path) if path.suffix in SUFFIXES else None


def settings_of(weights: Path) -> Path | None:
    """The file with the settings of ``weights``: beside it, or where Ultimate Vocal Remover puts it."""
    stem = weights.name.removesuffix(weights.suffix)
    names = [f"{stem}.yaml", f"{stem}.yml", f"{stem}_config.yaml", f"config_{stem}.yaml"]
    if weights.is_file():
        told = (row.get("config_yaml") for _, row in rows(weights))
        names += [name for name in told if isinstance(name, str) and Path(name).name == name]
    places = (weights.parent / folder / name for folder in (Path(), _CONFIGS) for name in names)
    return next((place for place in places if place.is_file() and is_settings(place)), None)


def _weights_of(settings: Path) -> Path:
    stem = settings.stem.removesuffix("_config").removeprefix("config_")
    found = [place for suffix in SUFFIXES if (place := settings.with_name(stem + suffix)).is_file()]
    if len(found) != 1:
        raise ModelError(
            f"{settings}: these are settings, and {len(found)} files of weights called {stem} lie beside them; name "
            f"both files: -m WEIGHTS+{settings.name}"
        )
    return found[0]


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
        raise MissingExtra("the settings of this model are YAML, pip install 'unbraid[torch]'") from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
        """Plain values; tuples are lists."""

    Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node))
    try:
        text = _text(data)
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ModelError("uses aliases, which no such file needs")
        value = yaml.load(text, Loader)  # a safe loader, as above
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError) as error:
        # The last three are what PyYAML raises for values that are not of the kind that they are marked with.
        raise ModelError(f"is not YAML that can be read ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(value, dict):
        raise ModelError("has no settings")
    return value


def _text(data: bytes) -> str:
    """As editors save it: UTF-8, or UTF-16 with its mark in front."""
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def _settings(value: dict[str, Any]) -> Settings:
    audio, model, training = (_part(value, name) for name in ("audio", "model", "training"))
    use = _part(value, "inference", {})
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
    segment = Part({**audio, **use}).size("chunk_size", None, _LONGEST_S * rate)
    return Settings(stems, complement, rate, segment, use.flag("normalize", False), audio, model)


def _part(value: dict[str, Any], name: str, usual: dict[str, Any] | None = None) -> Part:
    part = usual if value.get(name) is None else value[name]
    if not isinstance(part, dict):
        raise ModelError(f"has no part called {name}")
    return Part(part)


def _names(value: object) -> tuple[str, ...]:
    """Names of stems as file names have them: small letters, digits and _."""
    plain = isinstance(value, (list, tuple)) and 0 < len(value) <= 32 and all(isinstance(each, str) for each in value)
    if not plain:
        raise ModelError(f"has no list of names as instruments ({shown(value)})")
    assert isinstance(value, (list, tuple))
    names = tuple(re.sub(r"[^a-z0-9]+", "_", each.lower()).strip("_")[:39] for each in value)
    if not all(names) or len(set(names)) != len(names):
        raise ModelError(f"has the instruments {', '.join(map(str, value))[:120]}, which make no file names")
    return names

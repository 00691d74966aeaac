"""Nets that unbraid trained, as ``unbraid.train.export`` writes them: safetensors under the net's own names.

The header says which net of the registry it is (``net``), its config as JSON (``config``), and of a net that is asked
what makes its queries (``words``: "table" is the one in the package, "clap" the checkpoint of CLAP). It is a header
like any other: what it says is checked, built without memory first, and compared with the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from unbraid.errors import ModelError
from unbraid.nets.registry import classes
from unbraid.spec import Spec
from unbraid.zoo.adopt.weights import check_strictly, load_strictly, without_memory
from unbraid.zoo.guard import Package
from unbraid.zoo.guard_names import reason, shown

WORDS = ("table", "clap")

_LARGEST = 1 << 14
_LARGEST_TIME = 1 << 26
_TIMES = frozenset(("rate", "segment"))
_DEEPEST = 4


def is_own(package: Package) -> bool:
    """Whether the checkpoint says that it is a net of unbraid's own."""
    return "net" in package.extra and "config" in package.extra


def asked_by_table(path: Path) -> bool:
    """Whether queries of the net in ``path`` are made by the table of words in the package; reads its header alone."""
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="np") as file:
            notes = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: is not a safetensors file that can be read ({reason(error)})") from error
    return "config" in notes and notes.get("words") == WORDS[0]


def build(package: Package, name: str) -> tuple[Any, Spec]:
    """The net in ``package``, ready to be run, and its facts under ``name``. Raises ModelError, in one line."""
    try:
        config_class, net_class = classes(str(package.extra["net"]))
        config = _config(config_class, package.extra["config"])
        if package.extra.get("words", WORDS[0]) not in WORDS:
            raise ModelError(f"is asked by {shown(package.extra['words'])}; known are {' and '.join(WORDS)}")
        try:
            with without_memory():
                light = net_class(config)
        except (AssertionError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"has a config that makes no net ({shown(error)})") from error
        check_strictly(light, package.state)
        # Again with memory, whose size is now known to be that of the file: constants of a net are not in it.
        net = net_class(config)
        load_strictly(net, package.state)
        return net, net.spec(name)
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def _config(config_class: type[Any], told: Any) -> Any:
    if not isinstance(told, Mapping):
        raise ModelError(f"has {shown(told)} where the config was expected")
    usual = {field.name: field.default for field in fields(config_class)}
    for key, value in told.items():
        if value == usual.get(key):
            continue  # "never" may be a large number
        limit = _LARGEST_TIME if key in _TIMES else _LARGEST
        for number in _numbers(value):
            if not abs(number) <= limit:
                raise ModelError(f"has a config with {shown(key)} beyond {limit}")
    try:
        return config_class(**told)
    except (AssertionError, TypeError, ValueError) as error:
        raise ModelError(f"has a config that fits no net ({shown(error)})") from error


def _numbers(value: Any, depth: int = 0) -> Iterator[float]:
    if isinstance(value, (list, Mapping)):
        if depth == _DEEPEST or len(value) > _LARGEST:
            raise ModelError("has a config that is nested too deeply or too long")
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _numbers(item, depth + 1)
    elif isinstance(value, (int, float)):
        yield value

"""Weights in safetensors, with what demucs 4.1 notes beside them in the header: class, arguments, nesting; or unbraid.

The ``safetensors`` package checks the layout (size of the header, offsets in order and without holes); nothing in
the notes is executed, though demucs itself would import any class that they name.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import Name, check_class, reason, shown

_LARGEST_NOTE = 16 << 20


def read_safetensors(path: Path) -> dict[str, Any]:
    """A dictionary with ``state`` and, where the header has them, ``klass``, ``args`` and ``kwargs``.

    Of a net that unbraid trained it has ``net``, ``config`` and ``words`` beside ``state`` (zoo/adopt/own).

    Raises ModelError, whose message continues a sentence that begins with the file's name.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            notes: dict[str, str] = file.metadata() or {}
            tensors = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 -- no mapping
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"is not a safetensors file that can be read ({reason(error)})") from error
    if "klass" not in notes:
        return {"state": tensors, **_own(notes)}
    package: dict[str, Any] = {"klass": Name(check_class(notes["klass"])), "state": tensors}
    try:
        package["args"], package["kwargs"] = _plain(_note(notes, "args")), _plain(_note(notes, "kwargs"))
        if "structure" in notes:
            package["state"] = _nested(_note(notes, "structure"), tensors)
    except RecursionError as error:
        raise ModelError("has a header that is nested too deeply") from error
    return package


def _own(notes: dict[str, str]) -> dict[str, Any]:
    if not {"net", "config"} <= notes.keys():
        return {}
    try:
        config = _note(notes, "config")
    except RecursionError as error:
        raise ModelError("has a header that is nested too deeply") from error
    return {"net": notes["net"], "config": config} | {key: notes[key] for key in ("words",) if key in notes}


def _note(notes: dict[str, str], key: str) -> Any:
    text = notes.get(key, "[]" if key == "args" else "{}")
    if len(text) > _LARGEST_NOTE:
        raise ModelError(f"has {len(text)} letters of {key} in its header")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModelError(f"has {key} in its header that are not JSON ({reason(error)})") from error


def _plain(value: Any) -> Any:
    """JSON, with fractions as demucs writes them."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "_type" not in value:
        return {key: _plain(item) for key, item in value.items()}
    parts = value.get("numerator"), value.get("denominator")
    if value["_type"] != "fraction" or not all(type(part) is int and 0 < part < 1 << 62 for part in parts):
        raise ModelError(f"has {shown(value)} in its header where a fraction was expected")
    return Fraction(*parts)  # type: ignore[arg-type]  # integers, as just checked


def _nested(node: Any, tensors: dict[str, NDArray[Any]]) -> Any:
    """The nested state that a tree of tagged nodes describes."""
    if not isinstance(node, dict):
        return node
    if len(node) != 1:
        raise ModelError(f"has the node {shown(node)} in its header")
    ((tag, held),) = node.items()
    if tag == "_tensor" and isinstance(held, str):
        if held not in tensors:
            raise ModelError(f"lacks the tensor {shown(held)} that its header names")
        return tensors[held]
    if tag == "_dict" and isinstance(held, list) and all(isinstance(p, list) and len(p) == 2 for p in held):
        return {_key(key): _nested(item, tensors) for key, item in held}
    if tag in ("_list", "_tuple") and isinstance(held, list):
        items = [_nested(item, tensors) for item in held]
        return items if tag == "_list" else tuple(items)
    if tag == "_class" and isinstance(held, str):
        return Name(check_class(held))
    raise ModelError(f"has the node {shown(node)} in its header")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ModelError(f"has the key {shown(key)} in its header")
    return key

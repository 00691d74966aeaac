"""Which family a checkpoint is of: told by its weights' names, never by that of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError
from unbraid.spec import Spec
from unbraid.zoo.adopt import audiosep, demucs, mdx23c, own, roformer, scnet
from unbraid.zoo.guard import Package
from unbraid.zoo.settings import Settings, read_settings

_WITH_SETTINGS: tuple[tuple[str, Any, Callable[[Package], bool]], ...] = (
    ("a RoFormer", roformer, roformer.is_roformer),
    ("an MDX23C net", mdx23c, mdx23c.is_mdx23c),
    ("an SCNet", scnet, scnet.is_scnet),
)


def net_of(
    package: Package, name: str, settings: Path | None = None, segment_s: float | None = None
) -> tuple[Any, Spec]:
    """The net of the registry in ``package``, ready to be run, and its facts under ``name``.

    settings: the file of them that lies beside it, which some families want. segment_s: what a bag asks of its members.
    Raises ModelError, in one line.
    """
    if own.is_own(package):
        return own.build(package, name)
    if audiosep.is_audiosep(package):
        return audiosep.build(package, name)
    for kind, family, is_one in _WITH_SETTINGS:
        if is_one(package):
            told = _read(name, kind, settings)
            net, spec = family.build(package, name, told)
            return net, replace(spec, normalize="track") if told.normalized else spec
    return demucs.build(package, name, segment_s)


def _read(name: str, kind: str, settings: Path | None) -> Settings:
    if settings is None:
        raise ModelError(
            f"{name}: is {kind}, whose settings are in a .yaml of its own: put it beside the weights under the same "
            "name, or name both files: -m WEIGHTS+SETTINGS.yaml"
        )
    return read_settings(settings)

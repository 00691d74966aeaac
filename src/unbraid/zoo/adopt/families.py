"""Which family a checkpoint is of: told by its weights' names, never by that of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unbraid.spec import Spec
from unbraid.zoo.adopt import audiosep, demucs, mdx23c, own, roformer, scnet
from unbraid.zoo.guard import Package
from unbraid.zoo.settings import Settings, read_settings


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
    if roformer.is_roformer(package):
        return roformer.build(package, name, _read(settings))
    if mdx23c.is_mdx23c(package):
        return mdx23c.build(package, name, _read(settings))
    if scnet.is_scnet(package):
        return scnet.build(package, name, _read(settings))
    return demucs.build(package, name, segment_s)


def _read(settings: Path | None) -> Settings | None:
    return None if settings is None else read_settings(settings)

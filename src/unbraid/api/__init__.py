"""The Python API: array, file or folder in; stems out. The only room that joins reading, models, engine and writing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unbraid.api.deliver import Job
from unbraid.api.files import separate_file
from unbraid.api.model import Model
from unbraid.api.options import Options
from unbraid.api.separation import Separation
from unbraid.api.separation import separate as separate
from unbraid.runtime.pick import Runtime
from unbraid.zoo.bundled import NAME
from unbraid.zoo.catalogue import names
from unbraid.zoo.checkpoint import Device
from unbraid.zoo.fetch import OnBytes
from unbraid.zoo.load import load as _load

__all__ = ["Job", "Model", "Options", "Separation", "load", "load_for", "models", "separate", "separate_file"]


def load(
    model: str | Path = "compact",
    *,
    runtime: Runtime = "auto",
    device: Device = "auto",
    offline: bool = False,
    wanted: Sequence[str] = (),
    on_bytes: OnBytes | None = None,
) -> Model:
    """The model of that name or in that file, ready to run. Loads once, use often.

    wanted: load only what these stems need (of a bag of models). on_bytes: hears of a download. Raises UsageError,
    ModelError, or MissingExtra if what would run it is not installed.
    """
    return Model(_load(str(model), runtime=runtime, device=device, offline=offline, wanted=wanted, on_bytes=on_bytes))


def load_for(options: Options, on_bytes: OnBytes | None = None) -> Model:
    """The model that ``options`` name, and of a bag only what their stems need. Raises as :func:`load` does."""
    wanted = (options.two_stems,) if options.two_stems else options.stems
    return load(
        options.model,
        runtime=options.runtime,
        device=options.device,
        offline=options.offline,
        wanted=() if options.asks else wanted,  # words may need any stem
        on_bytes=on_bytes,
    )


def models() -> tuple[str, ...]:
    """The names that :func:`load` knows: the bundled model, then what can be fetched."""
    return (NAME, *names())

"""What every separation metric asks of its input, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unbraid.errors import UsageError

Floats = NDArray[np.floating[Any]]


def validate(
    references: Iterable[ArrayLike], estimates: Iterable[ArrayLike], *, silence: bool = True
) -> tuple[list[Floats], list[Floats]]:
    """Return both as sources ``[channel, time]``, not copied, or raise UsageError.

    Each is an array ``[source, channel, time]`` or a list of such sources. Estimate k is compared with reference k, so
    all have one shape. ``silence=False`` also refuses a source that is silent from end to end: no filter maps it to
    anything, and there is no ratio to its energy.
    """
    true, got = [np.asarray(source) for source in references], [np.asarray(source) for source in estimates]
    if not true or len(true) != len(got):
        raise UsageError(f"there are {len(true)} references and {len(got)} estimates; give one estimate for each")
    for name, sources in (("reference", true), ("estimate", got)):
        for index, source in enumerate(sources):
            _check(f"{name} {index}", source, true[0], silence)
    return true, got


def _check(name: str, source: Floats, first: Floats, silence: bool) -> None:
    if source.ndim != 2:
        raise UsageError(f"{name} has shape {source.shape}; give [channel, time], mono as one channel")
    if source.dtype.kind != "f":
        raise UsageError(f"{name} is {source.dtype}; give floats with full scale 1.0")
    if not source.size:
        raise UsageError(f"{name} has shape {source.shape}; nothing can be measured on no samples")
    if source.shape != first.shape:
        raise UsageError(
            f"{name} has shape {source.shape} and reference 0 {first.shape}; they must be alike: the same sources in "
            "the same order, the same channels and length"
        )
    if not all(np.isfinite(channel).all() for channel in source):
        raise UsageError(f"{name} holds NaN or infinite samples; no figure would mean anything")
    if not silence and is_silent(source):
        raise UsageError(
            f"{name} is silent from end to end (its channels sum to zero); BSS-Eval is not defined for it: "
            "leave this source out"
        )


def is_silent(source: Floats) -> bool:
    """Whether ``source[channel, time]`` is silent as museval understands it: its channels sum to zero throughout."""
    return not source.sum(axis=0).any()

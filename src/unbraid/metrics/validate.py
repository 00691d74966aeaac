"""What every separation metric asks of its input, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unbraid.errors import UsageError

Floats = NDArray[np.floating[Any]]


def validate(references: ArrayLike, estimates: ArrayLike, *, silence: bool = True) -> tuple[Floats, Floats]:
    """Return both as float arrays ``[source, channel, time]``, or raise UsageError.

    Estimate k is compared with reference k, so both have one shape. ``silence=False`` also refuses a source
    that is silent from end to end: no filter maps it to anything, and there is no ratio to its energy.
    """
    reference_array, estimate_array = np.asarray(references), np.asarray(estimates)
    for name, array in (("references", reference_array), ("estimates", estimate_array)):
        if array.ndim != 3:
            raise UsageError(f"{name} have shape {array.shape}; give [source, channel, time], mono as one channel")
        if array.dtype.kind != "f":
            raise UsageError(f"{name} are {array.dtype}; give floats with full scale 1.0")
        if not array.size:
            raise UsageError(f"{name} have shape {array.shape}; nothing can be measured on no samples")
    if reference_array.shape != estimate_array.shape:
        raise UsageError(
            f"references have shape {reference_array.shape} and estimates {estimate_array.shape}; "
            "they must be alike: the same sources in the same order, the same channels and length"
        )
    for name, array in (("reference", reference_array), ("estimate", estimate_array)):
        for index, source in enumerate(array):
            if not all(np.isfinite(channel).all() for channel in source):
                raise UsageError(f"{name} {index} holds NaN or infinite samples; no figure would mean anything")
            if not silence and is_silent(source):
                raise UsageError(
                    f"{name} {index} is silent from end to end (its channels sum to zero); BSS-Eval is not "
                    "defined for it: leave this source out"
                )
    return reference_array, estimate_array


def is_silent(source: Floats) -> bool:
    """Whether ``source[channel, time]`` is silent as museval understands it: its channels sum to zero throughout."""
    return not source.sum(axis=0).any()

"""Sums over whole songs in float64 without a float64 copy of the song."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError

_BLOCK = 1 << 17


def float64_blocks(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """Matching flat pieces of arrays of one shape, each as float64; UsageError if the shapes differ."""
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise UsageError(f"signals have shapes {', '.join(map(str, sorted(shapes)))}; they must be of one shape")
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _BLOCK):
        yield tuple(piece[start : start + _BLOCK].astype(np.float64) for piece in flat)

"""From float32 to the integers of 16 and 24 bit formats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbraid.signal import Samples

Integers = NDArray[np.int32]


class Quantizer:
    """Rounds to ``bits`` bit integers; counts what lay beyond full scale and what was not a number.

    What lies on the grid already, digital silence and integers read from a file among them, goes through unchanged.
    For 16 bits anything else gets triangular dither of two steps' width (Lipshitz, Wannamaker and Vanderkooy 1992):
    the error of rounding is then noise whose mean and variance do not follow the signal. For 24 bits that noise would
    be below everything that converters resolve, so there is plain rounding. The numbers drawn depend on the seed and
    the place in the song only, not on how it was cut into blocks.
    """

    def __init__(self, bits: int, seed: int = 0) -> None:
        self._bits, self.clipped, self.not_finite = bits, 0, 0
        self._generator = np.random.default_rng(seed) if bits == 16 else None

    def __call__(self, block: Samples) -> Integers:
        """``block[channel, time]`` as integers ``k`` in ``-2^(bits-1) <= k < 2^(bits-1)``."""
        full = np.float32(1 << (self._bits - 1))
        # Exact in float32, as is rounding: a power of two, and whole numbers up to 2^24.
        steps = np.multiply(block, full, dtype=np.float32)
        if np.isnan(steps.max(initial=0)):  # as it is if any of them is
            missing = np.isnan(steps)
            self.not_finite += int(missing.sum())
            steps[missing] = 0.0
        whole = np.rint(steps)
        if self._generator is not None:
            draw = self._generator.random((block.shape[1], block.shape[0], 2), np.float32)
            dithered = np.rint(steps + (draw[..., 0] - draw[..., 1]).T)
            whole = np.where(steps == whole, whole, dithered)
        if whole.min(initial=0) < -full or whole.max(initial=0) >= full:
            limited = np.clip(whole, -full, full - 1)
            self.clipped += int((limited != whole).sum())
            whole = limited
        integers: Integers = whole.astype(np.int32)
        return integers


class Limiter:
    """For lossy formats: clips to full scale and counts."""

    def __init__(self) -> None:
        self.clipped, self.not_finite = 0, 0

    def __call__(self, block: Samples) -> Samples:
        """``block[channel, time]`` within -1 to 1, without NaN."""
        missing = np.isnan(block)
        if missing.any():
            self.not_finite += int(missing.sum())
            block = np.where(missing, np.float32(0), block)
        limited: Samples = np.clip(block, np.float32(-1), np.float32(1))
        self.clipped += int((limited != block).sum())
        return limited

"""Masks with fewer rows than the spectrum has frequencies: above, one row stands for several neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.signal import Samples

Spectrum = NDArray[np.complex64]


@dataclass(frozen=True)
class Pooling:
    """``groups`` of (rows, frequencies of each), from the bottom up; the last group may reach beyond the spectrum."""

    groups: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        """Of a mask."""
        return sum(rows for rows, _ in self.groups)

    def fits(self, freqs: int) -> bool:
        """Whether the groups cover ``freqs`` frequencies, and each of them is needed for that."""
        surplus = sum(rows * pool for rows, pool in self.groups) - freqs
        rows, pool = self.groups[-1]
        return 0 <= surplus < rows * pool

    def times(self, spectrum: Spectrum, mask: Samples) -> Spectrum:
        """``spectrum[freq, frame]`` times ``mask[row, frame]``."""
        answer = np.empty(spectrum.shape, np.complex64)
        freq = row = 0
        for rows, pool in self.groups:
            whole = min(rows, (len(spectrum) - freq) // pool)
            some, shape = slice(freq, freq + whole * pool), (whole, pool, spectrum.shape[1])
            np.multiply(spectrum[some].reshape(shape), mask[row : row + whole, None], out=answer[some].reshape(shape))
            freq, row = freq + whole * pool, row + whole
        np.multiply(spectrum[freq:], mask[row : row + 1], out=answer[freq:])  # those of a row that reaches beyond
        return answer

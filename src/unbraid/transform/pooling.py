"""Masks with fewer rows than the spectrum has frequencies: at the top, one row stands for several neighbours."""

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

    def spread(self, mask: Samples, out: Samples) -> None:
        """``mask[frame, row]`` repeated over the frequencies of each row, into ``out[frame, freq]``."""
        freq = row = 0
        for rows, pool in self.groups:
            for place in range(pool):
                some = out[:, freq + place : freq + rows * pool : pool]
                some[...] = mask[:, row : row + some.shape[1]]  # one fewer where the last row reaches beyond
            freq, row = freq + rows * pool, row + rows

    def put_sums(self, values: Samples, out: Samples) -> None:
        """``values[frame, freq]`` added up over the frequencies of each row, into ``out[frame, row]``."""
        freq = row = 0
        for rows, pool in self.groups:
            here = out[:, row : row + rows]
            for place in range(pool):
                some = values[:, freq + place : freq + rows * pool : pool]
                if place:
                    here[:, : some.shape[1]] += some  # fewer where the last rows reach beyond
                else:
                    here[:, : some.shape[1]], here[:, some.shape[1] :] = some, 0
            freq, row = freq + rows * pool, row + rows


def times(parts: Samples, factor: Samples, out: Spectrum) -> None:
    """``parts[2, frame, freq]``, real and imaginary, times ``factor[frame, freq]``, into ``out[frame, freq]``."""
    # Two real products: numpy would make the factor complex first, and multiply by its zeros.
    np.multiply(parts[0], factor, out=out.real)
    np.multiply(parts[1], factor, out=out.imag)

"""When a stem has to begin so that its beats meet those of another.

Beats become bumps on a fine grid; the shift that makes the product of two such grids largest is where most beats meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbraid.data.automix.settings import Settings

Numbers = NDArray[np.float64]


def best_shift_s(reference_s: Numbers, other_s: Numbers, settings: Settings) -> float:
    """Seconds to add to the times ``other_s``, at most ``reach_s`` either way; of equally good shifts the smallest."""
    step = settings.grid_s
    end_s = max(float(reference_s.max(initial=0)), float(other_s.max(initial=0)))
    reach = round(settings.reach_s / step)
    grids = [_bumps(_inner(times, settings), end_s, settings) for times in (reference_s, other_s)]
    size = 1 << (2 * len(grids[0]) + 2 * reach).bit_length()
    product = np.fft.irfft(np.fft.rfft(grids[0], size) * np.conj(np.fft.rfft(grids[1], size)), size)
    shifts = np.arange(-reach, reach + 1)
    scores = product[shifts]
    good = shifts[scores >= scores.max() - 1e-9 * max(float(scores.max()), 1)]
    return float(good[np.argmin(np.abs(good))]) * step


def _inner(times_s: Numbers, settings: Settings) -> Numbers:
    """Without what is near the ends, where beats are guessed."""
    if not len(times_s):
        return times_s
    first, last = settings.edge_s, float(times_s.max()) - settings.edge_s
    return times_s[(times_s >= first) & (times_s <= last)]


def _bumps(times_s: Numbers, end_s: float, settings: Settings) -> Numbers:
    """A Gaussian at every time, out to two and a half standard deviations."""
    step, spread = settings.grid_s, settings.bump_s / settings.grid_s
    around = int(np.ceil(2.5 * spread))
    grid = np.zeros(int(np.ceil(end_s / step)) + 2 * around + 2)
    for time_s in times_s:
        centre = time_s / step + around
        at = np.arange(int(centre) - around, int(centre) + around + 2)
        at = at[(at >= 0) & (at < len(grid))]
        grid[at] += np.exp(-0.5 * np.square((at - centre) / max(spread, 1e-9)))
    return grid

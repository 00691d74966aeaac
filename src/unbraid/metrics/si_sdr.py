"""Scale-invariant SDR: the SDR after the reference is scaled to fit the estimate best.

Conventions. Arrays ``[channel, time]``, or any other one shape; one scale for all channels, whole song, no
mean removed. An estimate that is a multiple of the reference is ``inf``, one orthogonal to it ``-inf``; a
silent reference or estimate has no best scale and gives ``nan``.

Source: Le Roux et al., "SDR: half-baked or well done?", ICASSP 2019, equations 3 and 4.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.metrics.blocks import float64_blocks


def si_sdr(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """``10 log10(sum (a r)^2 / sum (a r - e)^2)`` in dB with ``a = <e, r> / <r, r>``; UsageError if shapes differ.

    The error is summed in a second pass, not had from ``<e, e> - a^2 <r, r>``, which loses all digits where
    the estimate is good.
    """
    reference_energy = estimate_energy = overlap = 0.0
    for true, got in float64_blocks(reference, estimate):
        reference_energy += float(np.vdot(true, true))
        estimate_energy += float(np.vdot(got, got))
        overlap += float(np.vdot(true, got))
    if reference_energy == 0 or estimate_energy == 0:
        return math.nan
    scale = overlap / reference_energy
    error = 0.0
    for true, got in float64_blocks(reference, estimate):
        got -= scale * true
        error += float(np.vdot(got, got))
    target = scale**2 * reference_energy
    if error == 0 or target == 0:
        return math.inf if error == 0 else -math.inf
    return 10 * math.log10(target / error)


def si_sdr_improvement(reference: NDArray[Any], estimate: NDArray[Any], mixture: NDArray[Any]) -> float:
    """SI-SDRi in dB: SI-SDR of the estimate minus that of the mixture itself."""
    return si_sdr(reference, estimate) - si_sdr(reference, mixture)

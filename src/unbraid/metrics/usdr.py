"""The whole-song SDR of the Music Demixing challenges, called uSDR or "utterance SDR".

Conventions. Arrays ``[channel, time]``, or any other one shape: channels are summed in the numerator and in
the denominator, not averaged in dB. Silence is allowed on both sides. One figure a song and stem; papers give
the mean over songs. It is not comparable with the median SDR of BSS-Eval.

Source: Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal Processing 1 (2022), equation 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.metrics.blocks import float64_blocks

_DELTA = 1e-7  # the challenge's: silence given for silence scores 0 dB


def usdr(reference: NDArray[Any], estimate: NDArray[Any]) -> float:
    """``10 log10((sum reference^2 + 1e-7) / (sum (reference - estimate)^2 + 1e-7))`` in dB.

    Raises UsageError if the shapes differ.
    """
    signal = error = _DELTA
    for true, got in float64_blocks(reference, estimate):
        signal += float(np.vdot(true, true))
        true -= got
        error += float(np.vdot(true, true))
    return 10 * math.log10(signal / error)


def usdr_improvement(reference: NDArray[Any], estimate: NDArray[Any], mixture: NDArray[Any]) -> float:
    """SDRi in dB: by how much the estimate is nearer to the reference than the mixture itself is."""
    return usdr(reference, estimate) - usdr(reference, mixture)

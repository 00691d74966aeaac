"""From any number of channels to two.

Surround follows ITU-R BS.775 (annex 4): centre and surrounds at -3 dB, the low-frequency channel is dropped. Both sides
are divided by the sum of weights, as FFmpeg does for integers, so that no sample of the result is louder than the
loudest one of the input: the price is a lower level (7.7 dB for 5.1), which common to all stems costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.frames import Layout
from unbraid.signal import Samples

_HALF_POWER = 0.5**0.5
_WEIGHTS: dict[str, tuple[float, float]] = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
    "BC": (0.5, 0.5),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "WL": (1.0, 0.0),
    "WR": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
}
_SURROUND: Layout = ("FL", "FR", "FC", "LFE", "BL", "BR")
_USUAL: dict[int, Layout] = {6: _SURROUND, 8: (*_SURROUND, "SL", "SR")}
_TITLES = {_SURROUND: "5.1", ("FL", "FR", "FC", "LFE", "SL", "SR"): "5.1", (*_SURROUND, "SL", "SR"): "7.1"}


@dataclass(frozen=True)
class Downmix:
    """weights: ``[2, channel]``, or None if the channels stay as they are. said: the sentence for the screen."""

    weights: Samples | None
    said: str | None

    def __call__(self, block: Samples) -> Samples:
        """``block[channel, time]`` as ``[2, time]`` (mono and stereo: the same block)."""
        if self.weights is None:
            return block
        mixed: Samples = self.weights @ block
        return mixed


def downmix(channels: int, layout: Layout = ()) -> Downmix:
    """How ``channels`` become two; ``layout`` as in :data:`unbraid.audio.frames.Layout`.

    Six and eight nameless channels are taken for 5.1 and 7.1 in the order of WAV; other nameless ones are averaged,
    the odd ones (first, third, ...) left, the even ones right.
    """
    if channels <= 2:
        return Downmix(None, None)
    guessed = "" if layout else ", taken for the usual order"
    names = layout or _USUAL.get(channels, ())
    if len(names) == channels and all(name in _WEIGHTS for name in names):
        weights = np.array([_WEIGHTS[name] for name in names], np.float64).T
        if (weights.sum(1) > 0).all():
            title = _TITLES.get(names, "surround")
            return Downmix(
                _unit_sum(weights), f"{channels} channels ({title}{guessed}) mixed down to stereo; that is the mix"
            )
    sides = np.zeros((2, channels))
    sides[0, 0::2] = sides[1, 1::2] = 1.0
    said = f"{channels} channels mixed down to stereo, odd ones left and even ones right; that is the mix"
    return Downmix(_unit_sum(sides), said)


def to_stereo(block: Samples, layout: Layout = ()) -> tuple[Samples, str | None]:
    """``block[channel, time]`` with at most two channels, and the sentence for the screen if it was mixed down."""
    rule = downmix(len(block), layout)
    return rule(block), rule.said


def _unit_sum(weights: NDArray[np.float64]) -> Samples:
    scaled: Samples = (weights / weights.sum(1).max()).astype(np.float32)
    return scaled

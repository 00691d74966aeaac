"""Sound that changes its rate or its channels on the way, as in files that were strung together, made uniform."""

from __future__ import annotations

import numpy as np

from unbraid.audio.downmix import to_stereo
from unbraid.audio.frames import Layout
from unbraid.audio.resample import Resampler
from unbraid.signal import Samples


class Conform:
    """Makes blocks of any kind ``[channels, time]`` at ``rate`` Hz. changed: whether there was anything to do."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels, self.changed = rate, channels, False
        self._incoming = rate
        self._resampler: Resampler | None = None

    def push(self, block: Samples, rate: int, layout: Layout) -> Samples:
        """``block[channel, time]`` of ``rate`` Hz, as it shall be; with another rate some of it comes later."""
        fitted = with_channels(block, self._channels, layout)
        self.changed = self.changed or rate != self._rate or fitted is not block
        before = np.zeros((self._channels, 0), np.float32)
        if rate != self._incoming:
            before, self._incoming = self.flush(), rate
            self._resampler = Resampler(rate, self._rate, self._channels) if rate != self._rate else None
        if self._resampler is None:
            return np.concatenate([before, fitted], axis=1) if before.shape[1] else fitted
        return np.concatenate([before, self._resampler.push(fitted)], axis=1)

    def flush(self) -> Samples:
        """What a resampler still holds."""
        if self._resampler is None:
            return np.zeros((self._channels, 0), np.float32)
        rest, self._resampler = self._resampler.flush(), None
        self._incoming = self._rate
        return rest


def with_channels(block: Samples, channels: int, layout: Layout = ()) -> Samples:
    """``block[channel, time]`` with ``channels`` channels: mono on all of them, anything else by way of stereo."""
    if len(block) == channels:
        return block
    if channels == 1:
        mono: Samples = block.mean(0, keepdims=True)
        return mono
    if len(block) == 1:
        return np.repeat(block, channels, axis=0)
    stereo, _ = to_stereo(block, layout)
    return np.pad(stereo, ((0, channels - 2), (0, 0)))

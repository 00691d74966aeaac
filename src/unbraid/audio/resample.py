"""From one rate to another, block by block, without delay and with the exact length.

soxr compensates its filter's delay, and its output does not depend on how the input was cut. Here is added what it does
not promise: the total length. Of n samples it makes the whole number nearest to ``n * rate_out / rate_in``.
A way up and back down again is then off by less than half a sample, that is, not at all. Down and back up may miss by
some samples, so :meth:`Resampler.flush` can be told the length that is wanted.
"""

from __future__ import annotations

import numpy as np
import soxr

from unbraid.signal import Samples


def resampled_length(length: int, rate_in: int, rate_out: int) -> int:
    """How many samples ``length`` become: the nearest whole number, halves upwards."""
    return (2 * length * rate_out + rate_in) // (2 * rate_in)


class Resampler:
    """A stream of blocks ``[channel, time]`` at ``rate_in`` Hz in, the same at ``rate_out`` out."""

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        self._rates, self._channels = (rate_in, rate_out), channels
        self._stream = None
        if rate_in != rate_out:
            self._stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32", quality="VHQ")
        self._taken = self._given = 0

    def push(self, block: Samples) -> Samples:
        """What is ready after ``block``; may be empty."""
        self._taken += block.shape[1]
        if self._stream is None:
            self._given += block.shape[1]
            return block
        return self._give(self._stream.resample_chunk(np.ascontiguousarray(block.T), last=False))

    def flush(self, length: int | None = None) -> Samples:
        """The rest; afterwards ``length`` samples were given out in all (default: :func:`resampled_length`)."""
        wanted = resampled_length(self._taken, *self._rates) if length is None else length
        rest = np.zeros((self._channels, 0), np.float32)
        if self._stream is not None and self._taken:
            rest = self._give(self._stream.resample_chunk(np.zeros((0, self._channels), np.float32), last=True))
        missing = wanted - self._given
        assert rest.shape[1] + missing >= 0
        self._given = wanted
        return np.pad(rest, ((0, 0), (0, missing))) if missing >= 0 else rest[:, :missing]

    def _give(self, frames: np.ndarray) -> Samples:
        self._given += len(frames)
        return np.ascontiguousarray(frames.T)


def resample(samples: Samples, rate_in: int, rate_out: int, length: int | None = None) -> Samples:
    """``samples[channel, time]`` at ``rate_out``; see :meth:`Resampler.flush` for ``length``."""
    stream = Resampler(rate_in, rate_out, len(samples))
    return np.concatenate([stream.push(samples), stream.flush(length)], axis=1)

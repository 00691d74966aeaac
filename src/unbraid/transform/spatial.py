"""Where stems lie between two channels: masks made into a multichannel Wiener filter.

A mask for each channel cannot part what sounds in one bin, not even a voice in the middle from a guitar at the side;
both channels together can. Model (Duong, Vincent & Gribonval 2010, eq. 3 and 8; with masks that a net gives: Nugraha,
Liutkus & Vincent 2016): in frame t and row r stem j is a Gaussian vector over the channels with the covariance

    v_j(t, r) |x(t, r)|^2 R_j(r),    tr R_j = 1,

a share of the mix's power that changes in time, and a place that does not, for the length of a chunk. With masks m

    v_j = sum_c m_jc |x_c|^2 / sum_c |x_c|^2,        R_j = sum_t v_j^2 Re(x x^H) / its trace,

where the sum is over some neighbouring rows, too. The shares are squared since a stem's place is told best by what the
net is sure of, and only the real part counts: stems are mixed by levels, and what one estimates of phases in a few
seconds is mostly chance. A little of the identity is added to R_j, so that no place is believed to be a point. The best
estimate of a stem is then a matrix of two by two times the mix,

    y_j = W_j x,    W_j = v_j R_j (sum_k v_k R_k)^-1,

from which |x|^2 has gone. Hence the promises: W_j sum to the identity, so the stems sum to the mix; where all stems lie
in one place, as in mono, W_j is v_j, what masks alone would do; twice as loud a mix has the same W_j, within what
single precision holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.signal import Samples
from unbraid.transform.pooling import Pooling

NEAR = 9
"""Rows whose covariances are added up."""

BLUR = 0.03
"""How much of the identity is added to a covariance of trace one."""

TINY = 1e-30
"""Power by which nothing audible changes; the share of digital silence is the mean of its masks."""

_FRAMES = 32  # at once, as in stft


@dataclass(frozen=True)
class Places:
    """The model of one chunk. Matrices are symmetric: (left left, right right, left right) of each.

    shares: ``[stem, frame, row]``. spatial: ``[stem, 3, row]``, R. inverse: ``[3, frame, row]``, of the sum over stems.
    """

    shares: Samples
    spatial: Samples
    inverse: Samples

    def filters(self, weights: Sequence[float] | Samples) -> Samples:
        """``[channel out, channel in, frame, row]`` of the sum of stems, each by its weight: W above of one alone."""
        answer = np.empty((2, 2, *self.shares.shape[1:]), np.float32)
        scaled = self.spatial * np.asarray(weights, np.float32)[:, None, None]
        used = np.flatnonzero(weights)
        for some, total, product in _buffers(self.shares.shape[1:]):
            _summed(self.shares[used, some], scaled[used], total, product)
            left, right, both = total
            one, two, across = self.inverse[:, some]
            for row, (first, second) in enumerate(((left, both), (both, right))):
                for column, (above, below) in enumerate(((one, across), (across, two))):
                    np.multiply(first, above, out=answer[row, column, some])
                    answer[row, column, some] += np.multiply(second, below, out=product)
        return answer


def places(parts: Samples, masks: Samples, pooling: Pooling) -> Places:
    """Of ``parts[channel, 2, frame, freq]``, the mix's spectrum, and ``masks[stem, channel, frame, row]``."""
    stems, _, frames, rows = masks.shape
    shares = np.empty((stems, frames, rows), np.float32)
    found = np.zeros((stems, 3, rows), np.float32)
    for some, powers, _ in _buffers((frames, rows)):
        _put_powers(parts[:, :, some], pooling, powers)
        # The mean of both masks by the power of their channels, (a p + b q) / (p + q) = b + (a - b) p / (p + q).
        leftness = (powers[0] + np.float32(TINY / 2)) / (powers[0] + powers[1] + np.float32(TINY))
        for share, (left, right) in zip(shares[:, some], masks[:, :, some], strict=True):
            np.subtract(left, right, out=share)
            share *= leftness
            share += right
        found += np.einsum("jtr,ktr->jkr", np.square(shares[:, some]), powers)
    spatial = _blurred(_near(found))
    inverse = np.empty((3, frames, rows), np.float32)
    for some, total, product in _buffers((frames, rows)):
        _summed(shares[:, some], spatial, total, product)
        left, right, both = total
        np.multiply(left, right, out=product)
        product -= both * both
        np.divide(1, product, out=product)
        np.multiply(right, product, out=inverse[0, some])
        np.multiply(left, product, out=inverse[1, some])
        np.multiply(both, np.negative(product, out=product), out=inverse[2, some])
    return Places(shares, spatial, inverse)


def _summed(shares: Samples, spatial: Samples, total: Samples, product: Samples) -> None:
    """Into ``total[3, frame, row]`` the sum of ``shares[stem, frame, row]`` times ``spatial[stem, 3, row]``."""
    total[...] = 0
    for share, matrix in zip(shares, spatial, strict=True):
        for each, entry in zip(total, matrix, strict=True):
            each += np.multiply(share, entry, out=product)


def _put_powers(parts: Samples, pooling: Pooling, out: Samples) -> None:
    """Into ``out[3, frame, row]`` of ``parts[channel, 2, frame, freq]``: left, right, and the real part of both."""
    left, right = parts
    for row, (one, other) in zip(out, ((left, left), (right, right), (left, right)), strict=True):
        product = one[0] * other[0]
        product += one[1] * other[1]
        pooling.put_sums(product, row)


def _buffers(shape: tuple[int, int]) -> Iterator[tuple[slice, Samples, Samples]]:
    """Some frames at a time, which stay in a core's cache, with room for three rows and one, ``[..., frame, row]``."""
    frames, rows = shape
    room = np.empty((4, _FRAMES, rows), np.float32)
    for first in range(0, frames, _FRAMES):
        count = min(_FRAMES, frames - first)
        yield slice(first, first + count), room[:3, :count], room[3, :count]


def _near(found: Samples) -> Samples:
    """``found[..., row]`` added up over ``NEAR`` rows around each, fewer at both ends.

    Each sum on its own: a difference of sums from the bottom on would lose what is quiet above loud rows, and with it
    the promise that no product of channels is larger than their powers.
    """
    half = NEAR // 2
    padded = np.pad(found, [(0, 0)] * (found.ndim - 1) + [(half, half)])
    answer: Samples = np.lib.stride_tricks.sliding_window_view(padded, NEAR, axis=-1).sum(-1)
    return answer


def _blurred(found: Samples) -> Samples:
    """``found[stem, 3, row]`` divided by its trace, plus ``BLUR`` of the identity."""
    answer = found / (found[:, :1] + found[:, 1:2] + np.float32(TINY))
    answer[:, :2] += np.float32(BLUR)
    return answer

"""Least squares by filters: the nearest that filtered references can come to an estimate.

BSS-Eval allows each reference to pass a filter of 512 taps before it is compared, so that delay, room and
equalisation do not count as interference. The best filters solve the normal equations ``G f = d`` with

    G[(a, i), (b, j)] = sum_n s_a[n - i] s_b[n - j] = r_ab[i - j]        r_ab[k] = sum_n s_a[n] s_b[n + k]
    d[(a, i)]         = sum_n s_a[n - i] e[n]       = r_ae[i]            r_ab[-k] = r_ba[k]

so all that is needed of a song are its correlations at 512 lags. They are summed over blocks: with the FFT of
a block of ``a`` and that of the same block of ``b``, longer by the lags to come, the product of spectra
holds ``r[0..511]`` of this block free of wrap-around. Memory does not depend on the length of the song.

G is nearly singular for real music (nothing above 16 kHz, equal channels), so that faster Toeplitz solvers,
which are not backward stable, are of no use: the system is solved by LU, once for all estimates.

Source: Vincent, Gribonval, Fevotte, "Performance measurement in blind audio source separation", IEEE TASLP
14(4), 2006, and Liutkus, Stoter, Ito, "The 2018 signal separation evaluation campaign", LVA/ICA 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_FFT_LENGTH = 8192
_BLOCKS_AT_ONCE = 16


def correlations(first: Sequence[Floats], second: Sequence[Floats], lags: int) -> Float64:
    """``r[a, b, k] = sum_n first[a][n] second[b][n + k]`` for k below ``lags``; signals ``[time]``, of one length."""
    fft_length = max(_FFT_LENGTH, 1 << (2 * lags).bit_length())
    block = fft_length - lags + 1
    length = len(first[0])
    product: NDArray[np.complex128] = np.zeros((fft_length // 2 + 1, len(second), len(first)), np.complex128)
    for start in range(0, length, block * _BLOCKS_AT_ONCE):
        starts = range(start, min(start + block * _BLOCKS_AT_ONCE, length), block)
        heads = _spectra(first, starts, block, fft_length)
        longer = _spectra(second, starts, block + lags - 1, fft_length)
        product += longer @ heads.conj().transpose(0, 2, 1)
    lagged: Float64 = np.fft.irfft(product.transpose(2, 1, 0), fft_length)
    return lagged[:, :, :lags]


def _spectra(signals: Sequence[Floats], starts: range, length: int, fft_length: int) -> NDArray[np.complex128]:
    """The spectra ``[freq, channel, block]`` of the pieces of ``length`` samples at ``starts``, zeros past the end."""
    pieces = np.zeros((len(signals), len(starts), fft_length))
    for channel, signal in enumerate(signals):
        for index, start in enumerate(starts):
            piece = signal[start : start + length]
            pieces[channel, index, : len(piece)] = piece
    return np.ascontiguousarray(np.fft.rfft(pieces).transpose(2, 0, 1))


def projection_filters(references: Sequence[Floats], estimates: Sequence[Floats], taps: int) -> tuple[Float64, Float64]:
    """The best filters from all references, and from each estimate's own reference, to each estimate.

    Takes sources ``[channel, time]``; gives two arrays ``[source, channel, source, channel, tap]``: from the
    channel of a reference (first two axes) to the channel of an estimate. In the second, filters between
    different sources are zero.
    """
    sources, channels = len(references), len(references[0])
    count = sources * channels
    signals, wanted = [row for source in references for row in source], [row for source in estimates for row in source]
    gram = _gram(correlations(signals, signals, taps))
    gram.flat[:: len(gram) + 1] += np.finfo(np.float64).eps  # as museval: keeps a pivot from being zero
    cross = correlations(signals, wanted, taps).transpose(0, 2, 1).reshape(count * taps, count)
    own = np.zeros((sources, channels, sources, channels, taps))
    for source in range(sources):
        rows = slice(source * channels * taps, (source + 1) * channels * taps)
        columns = slice(source * channels, (source + 1) * channels)
        solved = _solve(gram[rows, rows], cross[rows, columns])
        own[source, :, source] = solved.reshape(channels, taps, channels).swapaxes(1, 2)
    every = own if sources == 1 else _solve(gram, cross).reshape(count, taps, count).swapaxes(1, 2)
    return every.reshape(own.shape), own


def _gram(lagged: Float64) -> Float64:
    """The matrix ``G`` of the module's docstring, ``[(channel, tap), (channel, tap)]``, from ``r[a, b, k]``."""
    count, _, taps = lagged.shape
    both_ways = np.concatenate([lagged.swapaxes(0, 1)[:, :, :0:-1], lagged], axis=2)  # lags 1 - taps .. taps - 1
    windows = np.lib.stride_tricks.sliding_window_view(both_ways, taps, axis=2)  # window i holds lags i - taps + 1 .. i
    return np.ascontiguousarray(windows[..., ::-1].transpose(0, 2, 1, 3)).reshape(count * taps, count * taps)


def _solve(gram: Float64, cross: Float64) -> Float64:
    """The solution, or where equal channels (a voice in the middle) leave no unique one, the nearly smallest one.

    There museval turns to a singular value decomposition that drops what lies below n eps of the largest value, at 15
    times the cost. The same n eps on the diagonal has the same effect on the projection, which is all that is used.
    """
    try:
        solved = np.linalg.solve(gram, cross)
    except np.linalg.LinAlgError:
        ridge = len(gram) * np.finfo(np.float64).eps * gram.diagonal().max()
        solved = np.linalg.solve(gram + ridge * np.eye(len(gram)), cross)
    return solved.astype(np.float64, copy=False)

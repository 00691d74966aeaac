"""Short-time Fourier transform and its inverse in numpy: the maths that lies outside the exported graphs.

Conventions. A signal is ``[..., time]``, a spectrum is complex64 ``[..., freq, frame]`` with
``freq = n_fft // 2 + 1``; its parts are float32 ``[..., 2, frame, freq]``, real and imaginary, in the order in which
numpy makes and takes them, so that a net that works on parts needs no transpose. The window is the periodic Hann
window, or none. Frame ``k`` is centred on sample ``k * hop``; what lies outside the signal is zero, or what the
padding says.

Derivation of the inverse. Let ``w`` be the window, ``x`` the padded signal and ``X_k = F(w * x[k hop : k hop + n])``.
``F^-1 X_k = w * x`` on frame k. Multiplying by ``w`` again and adding all frames gives ``x * sum_k w^2(. - k hop)``;
dividing by that sum returns ``x`` wherever it is not zero (Griffin & Lim 1984, eq. 6: this is also the signal
whose STFT is nearest to a modified ``X``). With ``hop <= n_fft / 2`` and the centring pad of ``n_fft / 2`` the sum is
positive on every sample of the signal, so nothing is divided by zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from unbraid.signal import Samples
from unbraid.transform.pooling import Pooling, Spectrum, times

Pad = Literal["zeros", "reflect", "demucs"]

Window = Literal["hann", "ones"]

_Fill = Callable[[slice, Spectrum], None]
"""Puts the spectra of some frames into ``[frame, freq]``."""

_FRAMES = 32
"""Frames transformed at once: they stay in a core's cache from step to step, as all of a chunk's would not."""


@lru_cache(maxsize=8)
def hann(n_fft: int) -> Samples:
    """The periodic Hann window of ``n_fft`` samples; read-only."""
    window: Samples = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    window.flags.writeable = False
    return window


@lru_cache(maxsize=8)
def _ones(n_fft: int) -> Samples:
    window: Samples = np.ones(n_fft, np.float32)
    window.flags.writeable = False
    return window


_WINDOWS = {"hann": hann, "ones": _ones}


@dataclass(frozen=True)
class Stft:
    """One transform: sizes in samples, the padding convention and the window.

    ``pad="zeros"`` is the plain centred transform: ``1 + length // hop`` frames. ``pad="reflect"`` is the same with
    the signal mirrored at its edges, as torch's is.
    ``pad="demucs"`` is the one of Hybrid Demucs (Défossez 2021): ``ceil(length / hop)`` frames, whose middle
    lies half a hop after the frame's own samples begin, reflected edges, the Nyquist bin dropped, and
    amplitudes divided by ``sqrt(n_fft)``.
    """

    n_fft: int
    hop: int
    pad: Pad = "zeros"
    window: Window = "hann"

    def __post_init__(self) -> None:
        assert self.hop * 2 <= self.n_fft, "the proof above needs two windows over every sample"

    @property
    def freqs(self) -> int:
        return self.n_fft // 2 + (0 if self.pad == "demucs" else 1)

    def frames(self, length: int) -> int:
        """How many frames ``length`` samples have."""
        return -(-length // self.hop) if self.pad == "demucs" else 1 + length // self.hop

    def forward(self, signal: Samples) -> Spectrum:
        """``[..., time] -> [..., freq, frame]``."""
        if self.pad == "zeros":
            return self._analyse(_pad_zeros(signal, self.n_fft // 2, self.n_fft // 2))
        if self.pad == "reflect":
            return self._analyse(_pad_reflect(signal, self.n_fft // 2, self.n_fft // 2))
        frames, edge = self.frames(signal.shape[-1]), self.hop // 2 * 3
        right = edge + frames * self.hop - signal.shape[-1]
        padded = _pad_reflect(_pad_reflect(signal, edge, right), self.n_fft // 2, self.n_fft // 2)
        spectrum = self._analyse(padded)[..., :-1, 2 : 2 + frames]
        return np.ascontiguousarray(spectrum * np.float32(self.n_fft**-0.5))

    def parts(self, signal: Samples) -> Samples:
        """:meth:`forward` as ``[..., 2, frame, freq]``."""
        assert self.pad == "zeros", "no net of the other convention hears parts"
        parts = np.empty((*signal.shape[:-1], 2, self.frames(signal.shape[-1]), self.freqs), np.float32)
        for row, some, spectrum in self._spectra(_pad_zeros(signal, self.n_fft // 2, self.n_fft // 2)):
            parts[row][0, some], parts[row][1, some] = spectrum.real, spectrum.imag
        return parts

    def inverse(self, spectrum: Spectrum, length: int) -> Samples:
        """``[..., freq, frame] -> [..., time]`` of ``length`` samples."""
        start = self.n_fft // 2
        if self.pad == "demucs":
            # Undo the cut of forward(): the Nyquist bin and two frames at either edge return as zeros.
            grow = [(0, 0)] * (spectrum.ndim - 2) + [(0, 1), (2, 2)]
            spectrum = np.pad(spectrum, grow) * np.float32(self.n_fft**0.5)
            start += self.hop // 2 * 3
        answer = np.empty((*spectrum.shape[:-2], length), np.float32)
        for row in np.ndindex(spectrum.shape[:-2]):

            def turned(some: slice, out: Spectrum, whole: Spectrum = spectrum[row]) -> None:
                np.copyto(out, whole[:, some].T)

            self._synthesise(turned, spectrum.shape[-1], start, answer[row])
        return answer

    def inverse_masked(
        self,
        parts: Samples,
        masks: Samples,
        pooling: Pooling,
        length: int,
        *,
        within: Samples | None = None,
        out: Samples | None = None,
    ) -> Samples:
        """The inverse of ``parts[..., 2, frame, freq]`` times ``masks[..., frame, row]``, block by block.

        within: masks that the others are multiplied with. Axes before these are broadcast. Written to
        ``out[..., time]`` where that is given.
        """
        assert self.pad == "zeros", "no net of the other convention answers with masks"
        shape = np.broadcast_shapes(parts.shape[:-3], masks.shape[:-2])
        parts = np.broadcast_to(parts, (*shape, *parts.shape[-3:]))
        both = [np.broadcast_to(each, (*shape, *masks.shape[-2:])) for each in (masks, within) if each is not None]
        answer = np.empty((*shape, length), np.float32) if out is None else out
        factors = np.empty((_FRAMES, self.freqs), np.float32)
        for row in np.ndindex(shape):

            def masked(some: slice, out: Spectrum, row: tuple[int, ...] = row) -> None:
                first, *others = (each[row][some] for each in both)
                factor = factors[: len(out)]
                pooling.spread(first * others[0] if others else first, factor)
                times(parts[row][:, some], factor, out)

            self._synthesise(masked, parts.shape[-2], self.n_fft // 2, answer[row])
        return answer

    def inverse_filtered(
        self, parts: Samples, filters: Samples, pooling: Pooling, length: int, *, out: Samples | None = None
    ) -> Samples:
        """The inverse of matrices ``filters[out channel, channel, frame, row]`` times the channels of ``parts``.

        ``parts[channel, 2, frame, freq]``; answers ``[out channel, time]``, in ``out`` where that is given.
        """
        assert self.pad == "zeros", "no net of the other convention answers with masks"
        answer = np.empty((len(filters), length), np.float32) if out is None else out
        factors = np.empty((_FRAMES, self.freqs), np.float32)
        second = np.empty((_FRAMES, self.freqs), np.complex64)
        for row, wave in zip(filters, answer, strict=True):

            def mixed(some: slice, out: Spectrum, row: Samples = row) -> None:
                factor, product = factors[: len(out)], out
                for channel, heard in zip(row, parts, strict=True):
                    pooling.spread(channel[some], factor)
                    times(heard[:, some], factor, product)
                    if product is not out:
                        out += product
                    product = second[: len(out)]

            self._synthesise(mixed, parts.shape[-2], self.n_fft // 2, wave)
        return answer

    def _analyse(self, padded: Samples) -> Spectrum:
        frames = (padded.shape[-1] - self.n_fft) // self.hop + 1
        whole = np.empty((*padded.shape[:-1], self.n_fft // 2 + 1, frames), np.complex64)
        for row, some, spectrum in self._spectra(padded):
            whole[row][:, some] = spectrum.T
        return whole

    def _spectra(self, padded: Samples) -> Iterator[tuple[tuple[int, ...], slice, Spectrum]]:
        """Of each row of ``padded[..., time]``, some frames at a time: ``[frame, freq]``, overwritten by the next."""
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft, axis=-1)[..., :: self.hop, :]
        pieces = np.empty((_FRAMES, self.n_fft), np.float32)
        spectra = np.empty((_FRAMES, self.n_fft // 2 + 1), np.complex64)
        # The norm that divides by n_fft is the one that numpy computes in single precision; else it takes double.
        window = _WINDOWS[self.window](self.n_fft) * np.float32(self.n_fft)
        for row in np.ndindex(frames.shape[:-2]):
            for some in _blocks(frames.shape[-2]):
                count = some.stop - some.start
                np.multiply(frames[row][some], window, out=pieces[:count])
                np.fft.rfft(pieces[:count], axis=-1, norm="forward", out=spectra[:count])  # type: ignore[arg-type]  # as below
                yield row, some, spectra[:count]

    def _synthesise(self, fill: _Fill, frames: int, start: int, out: Samples) -> None:
        """Overlap-add all ``frames``, which ``fill`` gives; from ``start`` on to ``out[time]``."""
        total = np.zeros((frames + -(-self.n_fft // self.hop) - 1, self.hop), np.float32)
        spectra = np.empty((_FRAMES, self.n_fft // 2 + 1), np.complex64)
        pieces = np.empty((_FRAMES, self.n_fft), np.float32)
        for some in _blocks(frames):
            count = some.stop - some.start
            spectrum, wave = spectra[:count], pieces[:count]
            fill(some, spectrum)
            np.fft.irfft(spectrum, self.n_fft, axis=-1, out=wave)  # type: ignore[arg-type]  # numpy's stubs know doubles only
            wave *= _WINDOWS[self.window](self.n_fft)
            _overlap_add(wave, total[some.start :])
        weight, flat = _window_power(self.window, self.n_fft, self.hop, frames), total.reshape(-1)
        known = min(len(out), len(flat) - start)
        np.divide(flat[start : start + known], weight[start : start + known], out=out[:known])
        out[known:] = 0


def _blocks(frames: int) -> Iterator[slice]:
    return (slice(first, min(first + _FRAMES, frames)) for first in range(0, frames, _FRAMES))


def _overlap_add(pieces: Samples, out: Samples) -> None:
    """Add ``pieces[frame, n_fft]`` to ``out[hop number, hop]`` at steps of a hop, slice by slice of a piece."""
    frames, hop = len(pieces), out.shape[-1]
    for step in range(-(-pieces.shape[-1] // hop)):
        part = pieces[:, step * hop : (step + 1) * hop]  # the last may be shorter
        out[step : step + frames, : part.shape[-1]] += part


@lru_cache(maxsize=8)
def _window_power(window: Window, n_fft: int, hop: int, frames: int) -> Samples:
    """What the squared windows of ``frames`` frames add up to, ``[time]``; most chunks of a song have as many."""
    power = np.zeros((frames + -(-n_fft // hop) - 1, hop), np.float32)
    _overlap_add(np.broadcast_to(np.square(_WINDOWS[window](n_fft)), (frames, n_fft)), power)
    least: Samples = np.maximum(power.reshape(-1), np.float32(1e-8))
    least.flags.writeable = False
    return least


def _pad_zeros(signal: Samples, left: int, right: int) -> Samples:
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(left, right)])


def _pad_reflect(signal: Samples, left: int, right: int) -> Samples:
    """Reflect at the edges; a signal too short to be reflected is first grown by zeros on its right.

    The growth is Demucs' own (``pad1d``), and it is cut away again, so it matters only to short signals.
    """
    length, need = signal.shape[-1], max(left, right) + 1
    if length < need:
        grown = min(right, need - length)
        signal, right = _pad_zeros(signal, need - length - grown, grown), right - grown
        left -= need - length - grown
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(left, right)], mode="reflect")

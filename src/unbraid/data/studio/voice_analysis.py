"""One recording of speech -> frames that can be sung: spectral envelope, aperiodicity and pitch, cut into syllables.

WORLD (Morise, Yokomori, Ozawa 2016, IEICE E99-D) separates a voice into its pitch, the envelope that the vocal tract
gives it (CheapTrick) and the share of noise (D4C). The envelope is kept as decibels in bands of equal width on the mel
scale, where a shift along the bands is a longer or shorter vocal tract.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE = 44_100
FRAME_S = 0.005
BANDS = 128
NOISE_BANDS = 12
NYQUIST_HZ = RATE / 2
_FFT = 2048
_FLOOR_DB = -110.0
_LONGEST_S = 12.0

Frames = NDArray[np.float32]
"""One row for each 5 ms frame."""


@dataclass(frozen=True)
class Syllable:
    """A syllable as frame numbers in its voice: consonants before ``vowel``, the voiced core, what follows ``coda``."""

    start: int
    vowel: int
    coda: int
    end: int


@dataclass(frozen=True)
class Take:
    """The frames of one recording.

    ``envelope_db`` [frame, BANDS], ``noise`` [frame, NOISE_BANDS] (share of noise in the amplitude, 0 to 1),
    ``f0_hz`` [frame] (0 where unvoiced) and the syllables in their order.
    """

    envelope_db: Frames
    noise: Frames
    f0_hz: Frames
    syllables: tuple[Syllable, ...]


def mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


def band_centres_hz(bands: int = BANDS) -> NDArray[np.float64]:
    """Centres of ``bands`` equally wide mel bands from 0 Hz to the Nyquist frequency."""
    steps = (np.arange(bands) + 0.5) / bands * mel(NYQUIST_HZ)
    return np.asarray(700.0 * np.expm1(steps / 1127.0))


def to_bands(power: NDArray[np.float64], bands: int) -> NDArray[np.float64]:
    """Mean of ``power`` [frame, bin] in mel bands: differences of its running integral, exact for any width."""
    bins = power.shape[1]
    edges = 700.0 * np.expm1(np.linspace(0, mel(NYQUIST_HZ), bands + 1) / 1127.0) / NYQUIST_HZ * (bins - 1) + 0.5
    integral = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    low = np.clip(np.floor(edges).astype(int), 0, bins - 1)
    part = np.clip(edges - low, 0.0, 1.0)
    at_edges = integral[:, low] + (integral[:, low + 1] - integral[:, low]) * part
    return np.asarray(np.diff(at_edges, axis=1) / np.diff(edges))


def analyse(samples: NDArray[np.float32], voiced_s: float = 0.06) -> Take | None:
    """Analyse one recording (``[time]``, 44.1 kHz); None if silent, too long or never voiced for ``voiced_s``."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-3 or not 0.1 <= len(samples) / RATE <= _LONGEST_S:
        return None
    wave = np.ascontiguousarray(samples, dtype=np.float64) * (0.7 / peak)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which warns of its own end
        import pyworld
    coarse, times = pyworld.dio(wave, RATE, frame_period=1000 * FRAME_S, f0_floor=70.0, f0_ceil=600.0)
    f0 = pyworld.stonemask(wave, coarse, times, RATE)
    if np.count_nonzero(f0) * FRAME_S < voiced_s:
        return None
    power = to_bands(pyworld.cheaptrick(wave, f0, times, RATE, fft_size=_FFT), BANDS)
    noise = to_bands(pyworld.d4c(wave, f0, times, RATE, fft_size=_FFT), NOISE_BANDS)
    envelope_db = extend_band(np.maximum(10 * np.log10(power + 1e-14), _FLOOR_DB)).astype(np.float32)
    level_db = frame_level_db(envelope_db)
    syllables = cut_syllables(level_db, f0 > 0, int(voiced_s / FRAME_S))
    if not syllables:
        return None
    return Take(envelope_db, noise.astype(np.float32), f0.astype(np.float32), syllables)


def extend_band(envelope_db: NDArray[np.float64], slope_db: float = -18.0) -> NDArray[np.float64]:
    """Continue frames above the edge where a recording stops (a codec's low-pass, a low rate) by a falling slope.

    Without it a network would learn that a voice is what ends at 14 kHz. The edge is the lowest band above 4 kHz that
    lies far below the loudest of the bands just before it (30 dB below 9 kHz, where formants leave valleys, else
    18 dB). ``slope_db`` is dB an octave, as breath and sibilants have it in close recordings.
    """
    hz = band_centres_hz(envelope_db.shape[1])
    level = frame_level_db(envelope_db)
    loud = envelope_db[level > level.max() - 30].max(axis=0)
    edge = int(np.searchsorted(hz, 14_500.0))
    for band in range(edge, int(np.searchsorted(hz, 4000.0)), -1):
        drop_db = 30.0 if hz[band] < 9000.0 else 18.0
        if loud[band] < loud[band - 8 : band].max() - drop_db:
            edge = band
    edge -= 2
    known = envelope_db[:, edge - 5 : edge].mean(axis=1, keepdims=True)
    extended = envelope_db.copy()
    extended[:, edge:] = np.maximum(extended[:, edge:], known + slope_db * np.log2(hz[edge:] / hz[edge - 3]))
    return extended


def frame_level_db(envelope_db: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power of each frame in dB: the bands' power weighted by their width in Hz."""
    bands = envelope_db.shape[1]
    edges = 700.0 * np.expm1(np.linspace(0, mel(NYQUIST_HZ), bands + 1) / 1127.0)
    share = np.diff(edges) / NYQUIST_HZ
    return np.asarray(10 * np.log10((10 ** (envelope_db.astype(np.float64) / 10)) @ share + 1e-14))


def cut_syllables(
    level_db: NDArray[np.float64], voiced: NDArray[np.bool_], shortest: int, audible_db: float = 38.0
) -> tuple[Syllable, ...]:
    """Cut frames into syllables: one for each voiced run; runs are cut again where the level dips between peaks."""
    cores = [core for run in _runs(voiced) for core in _cut_at_dips(level_db, *run) if core[1] - core[0] >= shortest]
    audible = level_db > level_db.max() - audible_db
    syllables = []
    for number, (begin, stop) in enumerate(cores):
        if level_db[begin:stop].max() < level_db.max() - 25:
            continue
        left = cores[number - 1][1] if number else 0
        right = cores[number + 1][0] if number + 1 < len(cores) else len(level_db)
        start, end = begin, stop
        while start > max(left, begin - 30) and audible[start - 1]:
            start -= 1
        while end < min(right, stop + 40) and audible[end]:
            end += 1
        syllables.append(Syllable(start, begin, stop, end))
    return tuple(syllables)


def _runs(voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Voiced runs as (begin, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _cut_at_dips(level_db: NDArray[np.float64], begin: int, stop: int, dip_db: float = 4.0) -> list[tuple[int, int]]:
    """Cut one voiced run at every level minimum that lies ``dip_db`` below the peaks on both of its sides."""
    level = np.convolve(np.pad(level_db[begin:stop], 4, mode="edge"), np.full(9, 1 / 9), mode="valid")
    cuts, low, peak_before = [begin], 0, -np.inf
    for frame in range(len(level)):
        peak_before = max(peak_before, level[frame])
        if level[frame] < level[low] or low <= cuts[-1] - begin:
            low = frame
        if level[low] < peak_before - dip_db and level[frame] > level[low] + dip_db:
            cuts.append(begin + low)
            peak_before, low = level[frame], frame
    cuts.append(stop)
    return list(pairwise(cuts))

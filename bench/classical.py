"""A classical separator: what signal processing does without any training, as an opponent for the nets.

Four soft masks on the mixture's spectrogram, from four ideas:

- drums are percussive: ridges across frequency, which a median filter over frequency keeps and one over time
  removes (Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010);
- bass is low and not percussive;
- vocals are harmonic, in the centre of the stereo image (Barry, Lawlor, Coyle, "Sound source separation: azimuth
  discrimination and resynthesis", DAFx 2004), between 200 Hz and a few kHz, and not sustained: a voice moves where
  chords and drones stand, which a median filter of some 3 s tells apart (the idea of Tachibana et al., ICASSP 2010);
- other is what is harmonic and left.

The constants were searched, one at a time, for the highest mean SDR on ten multitrack songs that take no part
in any test. The masks add up to one, so the stems add up to the mixture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from unbraid.signal import Samples, Stems, as_samples
from unbraid.transform.stft import Stft

STEMS = ("vocals", "drums", "bass", "other")

_WINDOW_S, _HOPS_PER_WINDOW = 0.093, 4
_HARMONIC_S, _PERCUSSIVE_HZ, _SUSTAINED_S = 0.4, 330.0, 2.8
_BASS_HZ, _VOICE_LOW_HZ, _VOICE_HIGH_HZ = 250.0, 200.0, 4000.0
_SEGMENT_S, _CONTEXT_S = 30.0, 3.0

Floats = NDArray[np.float32]


def separate(samples: Samples, rate: int) -> Stems:
    """Take ``samples[channel, time]`` apart, 30 s at a time with 3 s of context at both sides."""
    mix = as_samples(samples)
    stems = np.empty((len(STEMS), *mix.shape), np.float32)
    segment, context = round(_SEGMENT_S * rate), round(_CONTEXT_S * rate)
    for start in range(0, mix.shape[1], segment):
        stop = min(start + segment, mix.shape[1])
        low = max(start - context, 0)
        taken = _separate_segment(mix[:, low : stop + context], rate)
        stems[:, :, start:stop] = taken[:, :, start - low : stop - low]
    return Stems(dict(zip(STEMS, stems, strict=True)), rate)


def _separate_segment(mix: Samples, rate: int) -> Samples:
    n_fft = 1 << round(np.log2(_WINDOW_S * rate))
    transform = Stft(n_fft, n_fft // _HOPS_PER_WINDOW)
    spectrum = transform.forward(mix)
    masks = _masks(spectrum, np.arange(transform.freqs, dtype=np.float32) * rate / n_fft, rate / transform.hop)
    return np.stack([transform.inverse(mask * spectrum, mix.shape[1]) for mask in masks])


def _masks(spectrum: NDArray[np.complex64], freq_hz: Floats, frames_per_s: float) -> Floats:
    """``[stem, freq, frame]`` from ``spectrum[channel, freq, frame]``, in the order of STEMS."""
    magnitude = np.sqrt(np.mean(np.abs(spectrum) ** 2, axis=0))
    tiny = np.float32(1e-9)
    along_time = _median(magnitude, _HARMONIC_S * frames_per_s)
    along_freq = _median(magnitude.T, _PERCUSSIVE_HZ / freq_hz[1]).T
    percussive = along_freq**2 / (along_freq**2 + along_time**2 + tiny)
    harmonic = 1 - percussive
    sustained = np.minimum(_median(magnitude, _SUSTAINED_S * frames_per_s) / (magnitude + tiny), 1)
    low = 1 / (1 + (freq_hz[:, None] / _BASS_HZ) ** 4)
    above = 1 / (1 + (_VOICE_LOW_HZ / np.maximum(freq_hz[:, None], 1)) ** 8)
    below = 1 / (1 + (freq_hz[:, None] / _VOICE_HIGH_HZ) ** 4)
    centred = _centred(spectrum) * above
    weights = np.stack(
        [
            harmonic * centred * below * (1 - 0.8 * sustained) * (1 - low),
            1.4 * percussive,
            0.5 * low * (1 - 0.75 * percussive),
            harmonic * (1 - low) * (1 - 0.9 * centred * (1 - sustained)) + np.float32(1e-3),
        ]
    )
    masks: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return masks


def _centred(spectrum: NDArray[np.complex64]) -> Floats:
    """How far a bin is in the centre, 0 to 1: the similarity of left and right to a power that sharpens it."""
    if len(spectrum) == 1:
        return np.full(spectrum.shape[1:], 0.5, np.float32)
    left, right = spectrum
    power = np.abs(left) ** 2 + np.abs(right) ** 2
    similarity: Floats = np.clip(2 * (left * right.conj()).real / (power + np.float32(1e-9)), 0, 1)
    return similarity**8


def _median(rows: Floats, width: float) -> Floats:
    """The running median along the last axis over about ``width`` values; scipy is fastest on single rows."""
    size = 2 * round(width / 2) + 1
    return np.stack([median_filter(row, size=size) for row in np.ascontiguousarray(rows)])

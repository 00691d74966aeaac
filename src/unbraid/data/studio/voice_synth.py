"""Frames of a voice -> sound: one filtered pulse for each period of the vocal folds, and filtered noise.

The pulses' filter is the minimum-phase one with the frame's envelope (Oppenheim and Schafer, "Discrete-Time Signal
Processing", section 13: its log spectrum is that of the folded cepstrum), as in WORLD's synthesis. The work is done in
large arrays over all pulses, so a line costs a few hundredths of its duration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.voice_analysis import BANDS, FRAME_S, NOISE_BANDS, NYQUIST_HZ, RATE, Frames, mel

_FFT = 1024
_NOISE_HOP = 256
_BATCH = 1024
_MASKED_DB = -95.0


@dataclass(frozen=True)
class Roughness:
    """How far a voice is from an even pulse train.

    ``jitter`` and ``shimmer`` are the standard deviations of a period's length and level (share of each),
    ``subharmonic`` (0 to 1) weakens every second pulse, which is heard as growl or fry one octave down, ``flutter``
    is the depth of a fast random tremble of the level, and ``breath_pulse`` how far the noise follows the pulses.
    """

    jitter: float = 0.004
    shimmer: float = 0.03
    subharmonic: float = 0.0
    flutter: float = 0.0
    breath_pulse: float = 0.5


@dataclass(frozen=True)
class VoiceFrames:
    """What is to be sounded: envelope [frame, BANDS] in dB, share of noise [frame, NOISE_BANDS], pitch [frame] in Hz.

    ``pitch_hz`` is defined everywhere; ``voiced`` [frame] says where it sounds; ``rough`` [frame] is the
    subharmonic's depth.
    """

    envelope_db: Frames
    noise: Frames
    pitch_hz: NDArray[np.float64]
    voiced: NDArray[np.bool_]
    rough: NDArray[np.float64]


def synthesise(frames: VoiceFrames, rng: np.random.Generator, rough: Roughness) -> NDArray[np.float32]:
    """Sound ``[time]`` of all frames at 44.1 kHz; frame ``k`` lies at ``k`` times 5 ms."""
    length = round(len(frames.pitch_hz) * FRAME_S * RATE)
    at_frame = np.arange(length) / (RATE * FRAME_S)
    pitch = np.interp(at_frame, np.arange(len(frames.pitch_hz)), frames.pitch_hz)
    voiced = frames.voiced[np.minimum(np.rint(at_frame).astype(int), len(frames.voiced) - 1)]
    phase = np.cumsum(pitch * voiced / RATE)
    noise_share = frames.noise @ spread(NOISE_BANDS, BANDS)
    noise_share = np.where(frames.voiced[:, None], np.clip(noise_share, 1e-3, 0.999), 1.0).astype(np.float32)
    harmonic_db = frames.envelope_db + 10 * np.log10(np.maximum(1 - noise_share**2, 1e-8))
    noise_db = frames.envelope_db + 20 * np.log10(noise_share)
    sound = _pulses(harmonic_db, phase, pitch, frames.rough, rng, rough)
    sound += _breath(noise_db, _excitation(phase, voiced, rng, rough))
    return sound


def spread(few: int, many: int) -> Frames:
    """Matrix [few, many] that interpolates bands given at ``few`` places of the mel scale to ``many``."""
    places = np.clip((np.arange(many) + 0.5) / many * few - 0.5, 0, few - 1)
    low = np.minimum(places.astype(int), few - 2)
    matrix = np.zeros((few, many), dtype=np.float32)
    matrix[low, np.arange(many)] = 1 - (places - low)
    matrix[low + 1, np.arange(many)] += places - low
    return matrix


def _to_bins() -> Frames:
    """Matrix [BANDS, bin] that interpolates the bands to the bins of the transform."""
    places = mel(np.linspace(0, NYQUIST_HZ, _FFT // 2 + 1)) / mel(NYQUIST_HZ) * BANDS - 0.5
    places = np.clip(places, 0, BANDS - 1)
    low = np.minimum(places.astype(int), BANDS - 2)
    matrix = np.zeros((BANDS, len(places)), dtype=np.float32)
    matrix[low, np.arange(len(places))] = 1 - (places - low)
    matrix[low + 1, np.arange(len(places))] += places - low
    return matrix


def _rows_at(rows: Frames, places: NDArray[np.float64]) -> Frames:
    """Rows of ``rows`` at fractional ``places``, interpolated."""
    places = np.clip(places, 0, len(rows) - 1)
    low = np.minimum(places.astype(int), max(len(rows) - 2, 0))
    part = (places - low).astype(np.float32)[:, None]
    return np.asarray(rows[low] * (1 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part)


def _pulses(
    harmonic_db: Frames,
    phase: NDArray[np.float64],
    pitch: NDArray[np.float64],
    rough_at: NDArray[np.float64],
    rng: np.random.Generator,
    rough: Roughness,
) -> NDArray[np.float32]:
    """The voiced part: a pulse wherever ``phase`` (in periods) passes a whole number."""
    sound = np.zeros(len(phase) + _FFT, dtype=np.float32)
    sample = np.flatnonzero(np.diff(np.floor(phase)) > 0) + 1
    if not len(sample):
        return sound[: len(phase)]
    period = RATE / pitch[sample]
    early = (phase[sample] - np.floor(phase[sample])) * period
    roughness = np.interp(sample / (RATE * FRAME_S), np.arange(len(rough_at)), rough_at)
    odd = np.arange(len(sample)) % 2
    when = sample - early + period * (rough.jitter * rng.normal(size=len(sample)) + 0.06 * roughness * odd)
    level = (1 + rough.shimmer * rng.normal(size=len(sample))) * (1 - roughness * odd)
    level *= np.sqrt(period) * _flutter(len(sample), pitch[sample], rng, rough.flutter)
    when = np.clip(when, 0, len(phase) - 1)
    whole = when.astype(int)
    matrix, dispersion = _to_bins(), _dispersion(rng)
    turn = -2j * np.pi * np.arange(_FFT // 2 + 1, dtype=np.float32) / _FFT
    for first in range(0, len(sample), _BATCH):
        part = slice(first, first + _BATCH)
        bands = _rows_at(harmonic_db, when[part] / (RATE * FRAME_S))
        spectrum = minimum_phase(np.maximum(bands, _MASKED_DB) @ matrix)
        spectrum *= dispersion * np.exp(turn * (when[part] - whole[part])[:, None].astype(np.float32))
        waves = np.fft.irfft(spectrum, _FFT) * level[part, None].astype(np.float32)
        for start, wave in zip(whole[part], waves, strict=True):
            sound[start : start + _FFT] += wave
    return sound[: len(phase)]


def minimum_phase(power_db: Frames) -> NDArray[np.complex64]:
    """Minimum-phase spectra [row, bin] whose power is ``power_db`` [row, bin]."""
    logs = (power_db * np.float32(np.log(10) / 20)).astype(np.float32)
    cepstrum = np.fft.irfft(logs, _FFT)[:, : _FFT // 2 + 1]
    cepstrum[:, 1:-1] *= 2
    return np.asarray(np.exp(np.fft.rfft(cepstrum, _FFT)), dtype=np.complex64)


def _dispersion(rng: np.random.Generator) -> NDArray[np.complex64]:
    """A fixed all-pass of some tenths of a millisecond: real pulses are not as sharp as minimum phase makes them."""
    bins = _FFT // 2 + 1
    delay = np.convolve(rng.normal(size=bins + 64), np.hanning(65) / 6, mode="valid")[:bins]
    samples = delay / max(float(np.abs(delay).max()), 1e-9) * rng.uniform(5, 30)
    return np.asarray(np.exp(-1j * np.cumsum(samples) * 2 * np.pi / _FFT), dtype=np.complex64)


def _flutter(pulses: int, pitch: NDArray[np.float64], rng: np.random.Generator, depth: float) -> NDArray[np.float64]:
    """Level of each pulse under a random tremble of 20 to 70 Hz, as in a distorted voice."""
    if depth <= 0:
        return np.ones(pulses)
    rate = rng.uniform(20, 70) * np.exp(0.2 * rng.normal(size=pulses))
    angle = 2 * np.pi * np.cumsum(rate / pitch)
    return np.asarray(np.maximum(1 + depth * np.sin(angle), 0.05))


def _excitation(
    phase: NDArray[np.float64], voiced: NDArray[np.bool_], rng: np.random.Generator, rough: Roughness
) -> NDArray[np.float32]:
    """White noise [time] that swells once a period where the voice sounds, as air flows while the folds are open."""
    noise = rng.standard_normal(len(phase), dtype=np.float32)
    swell = 1 + rough.breath_pulse * np.cos(2 * np.pi * (phase - 0.3))
    return np.where(voiced, noise * swell, noise).astype(np.float32)


def _breath(noise_db: Frames, excitation: NDArray[np.float32]) -> NDArray[np.float32]:
    """``excitation`` through the envelope ``noise_db``: windows of 512 samples that overlap by half sum to one."""
    window = np.hanning(2 * _NOISE_HOP + 1)[:-1].astype(np.float32)
    count = len(excitation) // _NOISE_HOP + 2
    padded = np.zeros((count + 1) * _NOISE_HOP, dtype=np.float32)
    padded[_NOISE_HOP : _NOISE_HOP + len(excitation)] = excitation[: count * _NOISE_HOP]
    sound = np.zeros(len(padded) + _FFT, dtype=np.float32)
    matrix = _to_bins()
    for first in range(0, count, _BATCH):
        starts = np.arange(first, min(first + _BATCH, count)) * _NOISE_HOP
        bands = _rows_at(noise_db, starts / (RATE * FRAME_S))
        gain = np.exp(np.maximum(bands, _MASKED_DB) @ matrix * np.float32(np.log(10) / 20))
        pieces = padded[starts[:, None] + np.arange(2 * _NOISE_HOP)] * window
        waves = np.fft.irfft(np.fft.rfft(pieces, _FFT) * gain, _FFT)
        for start, wave in zip(starts, waves, strict=True):
            sound[start + _FFT // 4 : start + _FFT // 4 + _FFT // 2] += wave[: _FFT // 2]
            # the filter is zero-phase: what it spreads before the piece's start has wrapped to the end of the block
            sound[start : start + _FFT // 4] += wave[-_FFT // 4 :]
            sound[start + 3 * _FFT // 4 : start + _FFT] += wave[_FFT // 2 : 3 * _FFT // 4]
    return sound[_NOISE_HOP + _FFT // 4 : _NOISE_HOP + _FFT // 4 + len(excitation)]

"""Rap and shouts from the recordings themselves: words moved onto beats by stretching time, not resynthesised.

Time is stretched by WSOLA (Verhelst and Roelands 1993, ICASSP, "An overlap-add technique based on waveform
similarity"); pitch and formants are moved together by resampling, as a faster tape does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from unbraid.data.studio.voice_analysis import FRAME_S, RATE
from unbraid.data.studio.voice_bank import VoiceBank, read_mono
from unbraid.data.studio.voice_pitch import Note

_WINDOW, _HOP, _SEARCH = 1024, 512, 256
_SLOWEST, _FASTEST = 0.6, 1.9
_PAUSE_S = 0.12


def rap(notes: list[Note], length: int, bank: VoiceBank, rng: np.random.Generator) -> NDArray[np.float32]:
    """Recorded words in ``length`` samples, their vowels on the starts of ``notes`` as far as time can be stretched."""
    sound = np.zeros(length, dtype=np.float32)
    speed = float(np.exp(rng.normal(0.02, 0.07)))
    takes = np.asarray(bank.take_of)
    at = 0
    while at < len(notes):
        take = int(rng.choice(takes))
        count = min(int(np.count_nonzero(takes == take)), len(notes) - at)
        vowels, samples = _take(bank, take, speed)
        starts = np.array([note[0] for note in notes[at : at + count]])
        gap = np.flatnonzero(np.diff(starts) > 1.2)
        count = int(gap[0]) + 1 if len(gap) else count
        wave, offset_s = on_beats(samples, vowels[:count], starts[:count], notes[at + count - 1][1])
        _add(sound, wave * np.float32(10 ** (rng.normal(0, 1.0) / 20)), round(offset_s * RATE))
        at += count
    return sound


def speak(notes: list[Note], length: int, bank: VoiceBank, rng: np.random.Generator) -> NDArray[np.float32]:
    """One recorded line, unstretched, at the start of each run of notes: calls and shouts between sung lines."""
    sound = np.zeros(length, dtype=np.float32)
    speed = float(np.exp(rng.normal(0.05, 0.08)))
    free_s = 0.0
    for note in notes:
        if note[0] < free_s + 0.3:
            continue
        _, samples = _take(bank, int(rng.choice(bank.take_of)), speed)
        _add(sound, samples, round(note[0] * RATE))
        free_s = note[0] + len(samples) / RATE
    return sound


def on_beats(
    samples: NDArray[np.float32], vowels_s: NDArray[np.float64], beats_s: NDArray[np.float64], end_s: float
) -> tuple[NDArray[np.float32], float]:
    """Stretch ``samples`` so that the times ``vowels_s`` fall on ``beats_s``; the wave and the second it starts at.

    Where that asks for more than the limits of natural speed, the word lags or leads its beat.
    """
    source, target = [vowels_s[0]], [float(beats_s[0])]
    for vowel, beat in zip(vowels_s[1:], beats_s[1:], strict=True):
        step = vowel - source[-1]
        target.append(float(np.clip(beat, target[-1] + step / _FASTEST, target[-1] + step / _SLOWEST)))
        source.append(vowel)
    rest = len(samples) / RATE - source[-1]
    tail = float(np.clip(end_s + _PAUSE_S - target[-1], min(rest, 0.15), rest / _SLOWEST))
    source = [0.0, *source, source[-1] + min(rest, tail * _FASTEST)]
    target = [target[0] - source[1], *target, target[-1] + tail]
    begin = target[0]
    return stretch(samples, np.array(source), np.array(target) - begin), begin


def stretch(
    samples: NDArray[np.float32], source_s: NDArray[np.float64], target_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """``samples`` with the times ``source_s`` moved to ``target_s`` (both rising, from 0), pitch kept."""
    count = max(int(target_s[-1] * RATE / _HOP), 1)
    padded = np.pad(samples, (_WINDOW, 2 * _WINDOW + 2 * _SEARCH))
    wanted = np.interp(np.arange(count) * _HOP / RATE, target_s, source_s) * RATE + _WINDOW - _HOP
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    sound = np.zeros((count + 2) * _HOP, dtype=np.float32)
    last = int(np.clip(wanted[0], _SEARCH, len(padded) - _WINDOW - _HOP - _SEARCH))
    for number in range(count):
        place = int(np.clip(wanted[number], _SEARCH, len(padded) - _WINDOW - _HOP - _SEARCH))
        if number and abs(place - (last + _HOP)) > 2:
            follows = padded[last + _HOP : last + _HOP + _HOP]
            near = padded[place - _SEARCH : place + _SEARCH + _HOP]
            place += int(np.argmax(np.correlate(near, follows, mode="valid"))) - _SEARCH
        sound[number * _HOP : number * _HOP + _WINDOW] += padded[place : place + _WINDOW] * window
        last = min(place, len(padded) - _WINDOW - 2 * _HOP)
    return sound[_HOP : count * _HOP]


def _take(bank: VoiceBank, take: int, speed: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Times of the vowels in seconds, and the samples, of one recording from its first syllable to its last."""
    syllables = [s for s, number in zip(bank.syllables, bank.take_of, strict=True) if number == take]
    first = bank.take_start[take]
    begin = (syllables[0].start - first) * FRAME_S
    end = (syllables[-1].end - first) * FRAME_S + 0.05
    samples = read_mono(Path(bank.files[take]))[round(begin * RATE) : round(end * RATE)]
    samples = np.asarray(soxr.resample(samples, RATE, RATE / speed), dtype=np.float32)
    samples = with_air(samples / max(float(np.sqrt(np.mean(samples**2))), 1e-4))
    fade = min(300, len(samples) // 4)
    samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    vowels = np.array([(s.vowel - first) * FRAME_S - begin for s in syllables]) / speed
    return vowels, samples


def with_air(samples: NDArray[np.float32], cut_hz: float = 11_000.0) -> NDArray[np.float32]:
    """Add noise above ``cut_hz`` that follows the level of the band below, where recordings have lost theirs."""
    band = sosfilt(butter(2, [5000, 9500], "band", fs=RATE, output="sos"), samples)
    level = np.sqrt(np.maximum(sosfilt(butter(1, 60, fs=RATE, output="sos"), band**2), 0))
    noise = np.random.default_rng(len(samples)).normal(size=len(samples))
    high = sosfilt(butter(2, cut_hz, "high", fs=RATE, output="sos"), noise * level)
    falling = sosfilt(butter(1, cut_hz, fs=RATE, output="sos"), high)
    return np.asarray(samples + 0.25 * falling, dtype=np.float32)


def _add(sound: NDArray[np.float32], wave: NDArray[np.float32], start: int) -> None:
    wave = wave[max(-start, 0) :]
    start = max(start, 0)
    stop = min(start + len(wave), len(sound))
    if stop > start:
        sound[start:stop] += wave[: stop - start]

"""Tempo and beats from the drums, key from the bass.

Beats are librosa's (Ellis 2007), which lie on frames of 12 ms and now and then skip or double. The tempo is the slope
of a line through them, beat number against time, whose error is far below that of a single beat: librosa's own tempo
comes in steps of 2 to 5 %, with which two songs would run apart within seconds.

The key is a histogram: how often each of the twelve pitch classes is the strongest of the bass's chroma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from unbraid.data.automix.settings import Settings
from unbraid.data.tracks import Song, read_part
from unbraid.errors import MissingExtra
from unbraid.signal import Samples

_RATE, _HOP = 22_050, 256
_FEWEST_BEATS = 8

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """A song and what was heard in it.

    start: samples of silence before it begins. tempo_bpm, beats_s: of what follows. key: share of each pitch class from
    C up, 0 if the bass never sounds.
    """

    song: Song
    start: int
    tempo_bpm: float
    beats_s: tuple[float, ...]
    key: tuple[float, ...]


def listen(song: Song, settings: Settings) -> Heard | None:
    """What is heard in ``song``; None if it has no steady beat, or drums or bass are too quiet to tell."""
    drums, bass = (stem(song, name).mean(0) for name in ("drums", "bass"))
    if min(float(drums.std()), float(bass.std())) < settings.quiet:
        return None
    start = _beginning(song, settings)
    beats_s = find_beats(drums[start:], song.rate)
    if len(beats_s) < _FEWEST_BEATS:
        return None
    return Heard(song, start, tempo(beats_s), tuple(beats_s.tolist()), key_of(bass[start:], song.rate, settings))


def stem(song: Song, name: str) -> Samples:
    """The whole stem, ``[2, time]``; silence if the song has none."""
    silence = np.zeros((2, song.samples), np.float32)
    return sum((read_part(part, 0, song.samples) for part in song.parts_of(frozenset([name]))), silence)


def find_beats(drums: Samples, rate: int) -> Numbers:
    """Times in seconds of the beats in ``drums[time]``."""
    librosa = _librosa()
    low = soxr.resample(drums, rate, _RATE)
    envelope = librosa.onset.onset_strength(y=low, sr=_RATE, hop_length=_HOP)
    _, frames = librosa.beat.beat_track(onset_envelope=envelope, sr=_RATE, hop_length=_HOP)
    return np.asarray(librosa.frames_to_time(frames, sr=_RATE, hop_length=_HOP), np.float64)


def tempo(beats_s: Numbers) -> float:
    """Beats a minute: the slope of the line through the beats, numbered by their distance in usual intervals."""
    gaps = np.diff(beats_s)
    numbers = np.concatenate([[0.0], np.cumsum(np.maximum(np.round(gaps / np.median(gaps)), 1))])
    period_s = float(np.polyfit(numbers, beats_s, 1)[0])
    return 60 / period_s


def key_of(bass: Samples, rate: int, settings: Settings) -> tuple[float, ...]:
    """Twelve shares that sum to one: how often each pitch class is the strongest in ``bass[time]`` where it sounds."""
    low = soxr.resample(bass, rate, _RATE)
    chroma = _librosa().feature.chroma_cqt(y=low, sr=_RATE, hop_length=2 * _HOP)
    window = max(1, round(settings.key_window * _RATE / rate))
    padded = np.pad(np.square(low, dtype=np.float64), window // 2 + 1)
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    level = np.sqrt(np.maximum(sums[window:] - sums[:-window], 0) / window)
    at = np.minimum(np.arange(chroma.shape[1]) * 2 * _HOP, len(level) - 1)
    sounds = level[at] >= settings.key_gate * max(float(level.max()), 1e-12)
    counts = np.bincount(chroma.argmax(0)[sounds], minlength=12).astype(np.float64)
    return tuple((counts / max(counts.sum(), 1)).tolist())


def _beginning(song: Song, settings: Settings) -> int:
    """The first sample of the mix that is not silence."""
    mix = np.zeros(song.samples, np.float32)
    for part in song.parts:
        mix += read_part(part, 0, song.samples).mean(0)
    loud = np.abs(mix) > settings.lead_silence * float(mix.std())
    return int(np.argmax(loud))


def _librosa() -> Any:
    """librosa, which takes seconds to load."""
    try:
        import librosa
    except ImportError as error:
        raise MissingExtra("automix needs librosa; pip install 'unbraid[train]'") from error
    return librosa

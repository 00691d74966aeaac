"""Changes that make one recording many: drawn once as plain numbers, then applied alike to all that must stay aligned.

A :class:`Change` is one draw. Its work is split by where it is cheapest: :func:`source_length` says how much to read,
:func:`change_wave` works on samples, and :func:`curve` is a gain for each frequency, which a net that works on an STFT
multiplies into it for nothing and any other applies with :func:`filtered`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.random import Generator

from unbraid.data.codec import CODECS
from unbraid.data.effects import Chain, draw_chain, through_effects
from unbraid.data.stretch import MARGIN_S, stretched
from unbraid.signal import Samples

RATE = 44_100
"""Of the songs, for what is known in seconds before they are read."""


@dataclass(frozen=True)
class Ranges:
    """How far a draw may go; probabilities are per draw.

    gain_db, tilt_db: uniform within plus and minus; the tilt is the difference between 100 Hz and 10 kHz.
    width: side signal times up to this, or divided by it. speed: pitch and tempo together, as a fraction.
    lowpass_hz: recordings, codecs and old voices end somewhere between these.
    room_s: decay time of a made room. drive_db: how far a mix may be pushed into the common limiter.

    mono_chance: of a target that sounds from the middle alone; pan_chance: of one that leans to a side by up to pan_db;
    all_mono_chance: of an example that is a recording in mono. A net that has never heard one takes voices and basses
    for what is in the middle, and finds nothing else in mono songs. Off unless a chance is given.

    What needs the [train] extra or time is off, too. semitones, tempo: pitch (whole semitones
    within plus and minus) and tempo (normal with ``tempo_spread``, at most ``tempo``) apart from each other.
    effects: names of presets (unbraid.data.effects), all of them if none is named. codecs, codec_kbps: of an example
    that has been through a lossy codec (unbraid.data.codec).
    """

    gain_db: float = 6.0
    tilt_db: float = 9.0
    width: float = 1.6
    swap: float = 0.5
    invert: float = 0.5
    speed: float = 0.12
    speed_chance: float = 0.5
    lowpass_hz: tuple[float, float] = (11_000.0, 20_000.0)
    lowpass_chance: float = 0.25
    room_s: tuple[float, float] = (0.2, 1.2)
    room_chance: float = 0.12
    drive_db: float = 12.0
    drive_chance: float = 0.5
    mono_chance: float = 0.0
    pan_db: float = 12.0
    pan_chance: float = 0.0
    all_mono_chance: float = 0.0
    semitones: int = 2
    tempo: float = 0.12
    tempo_spread: float = 0.05
    stretch_chance: float = 0.0
    effects: tuple[str, ...] = ()
    effect_chance: float = 0.0
    codecs: tuple[str, ...] = CODECS
    codec_kbps: tuple[float, float] = (48.0, 256.0)
    codec_chance: float = 0.0


@dataclass(frozen=True)
class Change:
    """One draw for one target. ``speed`` 1.06 is a semitone up and faster; ``room_seed`` names the room's echo.

    pan_db: the left channel's gain, and the right one's with the other sign, halved each.
    """

    gain_db: float = 0.0
    tilt_db: float = 0.0
    width: float = 1.0
    pan_db: float = 0.0
    swap: bool = False
    invert: bool = False
    speed: float = 1.0
    lowpass_hz: float | None = None
    room_s: float | None = None
    room_seed: int = 0
    semitones: int = 0
    tempo: float = 1.0
    effects: Chain | None = None

    def with_speed_of(self, other: Change) -> Change:
        """The same draw at another's pitch and tempo: what is to stay in time and in tune."""
        return replace(self, speed=other.speed, semitones=other.semitones, tempo=other.tempo)


def draw(rng: Generator, ranges: Ranges, stems: Collection[str] = ()) -> Change:
    """One change within ``ranges``, with effects that suit ``stems``."""
    change = _drawn(rng, ranges)
    # What is off draws nothing, so that it does not change what else is drawn.
    if ranges.stretch_chance and rng.random() < ranges.stretch_chance:
        tempo = 1 + float(np.clip(rng.normal(0, ranges.tempo_spread), -ranges.tempo, ranges.tempo))
        semitones = int(rng.integers(-ranges.semitones, ranges.semitones + 1))
        change = replace(change, semitones=semitones, tempo=tempo)
    if ranges.mono_chance and rng.random() < ranges.mono_chance:
        change = replace(change, width=0.0)
    if ranges.pan_chance and rng.random() < ranges.pan_chance:
        change = replace(change, pan_db=rng.uniform(-ranges.pan_db, ranges.pan_db))
    if ranges.effect_chance and rng.random() < ranges.effect_chance:
        change = replace(change, effects=draw_chain(rng, stems, ranges.effects))
    return change


def _drawn(rng: Generator, ranges: Ranges) -> Change:
    # Hundredths, so that resampling meets few ratios.
    speed = 1 + round(rng.uniform(-ranges.speed, ranges.speed), 2) if rng.random() < ranges.speed_chance else 1.0
    return Change(
        gain_db=rng.uniform(-ranges.gain_db, ranges.gain_db),
        tilt_db=rng.uniform(-ranges.tilt_db, ranges.tilt_db),
        width=ranges.width ** rng.uniform(-1, 1),
        swap=rng.random() < ranges.swap,
        invert=rng.random() < ranges.invert,
        speed=speed,
        lowpass_hz=rng.uniform(*ranges.lowpass_hz) if rng.random() < ranges.lowpass_chance else None,
        room_s=rng.uniform(*ranges.room_s) if rng.random() < ranges.room_chance else None,
        room_seed=int(rng.integers(1 << 31)),
    )


def source_length(change: Change, length: int) -> int:
    """Samples to read so that ``length`` remain after the changes of speed and tempo."""
    if change.speed == 1 and not _stretches(change):
        return length
    margin = round(MARGIN_S * RATE) if _stretches(change) else 0
    return int(np.ceil(length * change.speed * change.tempo)) + margin + 1


def change_wave(change: Change, wave: Samples, rate: int, length: int) -> Samples:
    """``wave[channel, source_length]`` to ``[channel, length]``; all but :func:`curve`."""
    if _stretches(change):
        wave = stretched(wave, rate, change.tempo, change.semitones)
    if change.speed != 1:
        wave = soxr.resample(wave.T, rate * change.speed, rate, quality="LQ").T
    wave = _fitted(wave, length) * np.float32(10 ** (change.gain_db / 20) * (-1 if change.invert else 1))
    if len(wave) == 2 and (change.width, change.pan_db) != (1, 0):
        wave = placement(change) @ wave
    if change.swap:
        wave = wave[::-1]
    if change.effects:
        wave = through_effects(wave, change.effects, rate)
    if change.room_s is not None:
        wave = _in_room(wave, change.room_s, change.room_seed, rate)
    return np.ascontiguousarray(wave, np.float32)


def placement(change: Change) -> Samples:
    """``[2, 2]``: how width and lean make new channels of the old ones."""
    own, other = (1 + change.width) / 2, (1 - change.width) / 2  # mid and side, side times width
    left = 10 ** (change.pan_db / 40)
    return np.array([[own * left, other * left], [other / left, own / left]], np.float32)


def curve(change: Change, hz: Samples) -> Samples:
    """Amplitude factor at each frequency ``hz``: tilt around 1 kHz, and a low-pass half an octave wide."""
    decades = np.log10(np.clip(hz, 100, 10_000) / 1000)
    gain_db = change.tilt_db / 2 * decades
    if change.lowpass_hz is not None:
        octaves_above = np.log2(np.maximum(hz, 1) / change.lowpass_hz)
        gain_db = gain_db - 80 * np.clip(octaves_above / 0.5, 0, 1)
    return np.asarray(10 ** (gain_db / 20), np.float32)


def filtered(wave: Samples, change: Change, rate: int) -> Samples:
    """``wave[..., time]`` through :func:`curve`, by one transform of the whole."""
    length = wave.shape[-1]
    hz = np.fft.rfftfreq(length, 1 / rate).astype(np.float32)
    return np.fft.irfft(np.fft.rfft(wave) * curve(change, hz), length).astype(np.float32)


def limiter_gain(mix: Samples, drive_db: float, rate: int) -> Samples:
    """One gain curve ``[time]`` for ``mix[channel, time]`` and thereby for each of its stems.

    A master is the sum times a gain that falls where the sum is loud; since all stems get the same gain they
    still sum to the mix. The mix's RMS is pushed ``drive_db`` above the knee; what a soft limiter of ratio
    infinity takes off is smoothed over 20 ms.
    """
    block = rate // 100
    level = np.sqrt(_blocks(np.square(mix).sum(0), block).mean(1))
    knee = float(np.sqrt(np.mean(np.square(level)))) * 10 ** ((6 - drive_db) / 20)
    if knee <= 0:
        return np.ones(mix.shape[-1], np.float32)
    gain = 1 / np.sqrt(1 + np.square(level / knee))
    smooth = np.convolve(np.pad(gain, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    centres = (np.arange(len(smooth)) + 0.5) * block
    return np.interp(np.arange(mix.shape[-1]), centres, smooth).astype(np.float32)


def _stretches(change: Change) -> bool:
    return change.tempo != 1 or change.semitones != 0


def _fitted(wave: Samples, length: int) -> Samples:
    """Cut or padded with zeros at the end to ``length``."""
    missing = length - wave.shape[-1]
    return np.pad(wave, [(0, 0), (0, missing)]) if missing > 0 else wave[:, :length]


def _blocks(values: Samples, size: int) -> Samples:
    """``[time]`` to ``[block, size]``, the last one padded with zeros."""
    return np.pad(values, (0, -len(values) % size)).reshape(-1, size)


def _in_room(wave: Samples, decay_s: float, seed: int, rate: int) -> Samples:
    """The wave plus echoes: noise that falls by 60 dB in ``decay_s``, after 10-30 ms of silence (Moorer 1979)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(decay_s * rate)) / rate
    echo = rng.standard_normal((len(wave), len(time_s))).astype(np.float32) * 10 ** (-3 * time_s / decay_s)
    echo[:, : int(rng.uniform(0.01, 0.03) * rate)] = 0
    echo *= 10 ** (rng.uniform(-14, -4) / 20) / np.sqrt(np.square(echo).sum(1, keepdims=True))
    size = 1 << (wave.shape[-1] + echo.shape[-1] - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echo, size), size)[:, : wave.shape[-1]]
    return np.asarray(wave + wet, np.float32)

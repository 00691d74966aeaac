"""What an engineer does to one part: equaliser, compressor, amplifier and cabinet, modulation, echo, room, tape.

Every chain is drawn at random within what is usual for its kind of part. Samples are ``[2, time]`` at 44.1 kHz; a part
is brought to a working level first, so thresholds mean the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pedalboard as pb
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from unbraid.data.studio.levels import active_rms
from unbraid.data.studio.width import widened
from unbraid.signal import Samples

RATE = 44_100
_WORKING_RMS = 0.1


@dataclass(frozen=True)
class Room:
    """One reverb that the parts of a song share, so that they stand in one place."""

    size: float
    damping: float
    width: float
    predelay_s: float

    def wet(self, samples: Samples) -> Samples:
        """Only the reflections of ``samples``."""
        reverb = pb.Reverb(room_size=self.size, damping=self.damping, wet_level=1.0, dry_level=0.0, width=self.width)
        shift = int(self.predelay_s * RATE)
        late = np.zeros_like(samples)
        late[:, shift:] = samples[:, : samples.shape[1] - shift]
        return _run([pb.HighpassFilter(180.0), reverb], late)


def draw_room(rng: np.random.Generator) -> Room:
    return Room(rng.uniform(0.1, 0.92), rng.uniform(0.2, 0.9), rng.uniform(0.5, 1.0), rng.uniform(0.0, 0.04))


def treat(samples: Samples, label: str, stem: str, room: Room, beat_s: float, rng: np.random.Generator) -> Samples:
    """The part as it goes to the mixing desk; labels are those of ``labels.WORDS``."""
    level = active_rms(samples)
    if level == 0.0:
        return samples
    alike = bool(np.array_equal(samples[0], samples[1]))  # a mono part needs its chain only once
    x = np.asarray(samples[: 1 if alike else 2] * np.float32(_WORKING_RMS / level), dtype=np.float32)
    if label == "distorted guitar":
        x = amplified(x, rng.uniform(18, 42), cabinet(rng), rng)
    elif label == "electric guitar":
        x = amplified(x, rng.uniform(-6, 12), cabinet(rng), rng) if rng.random() < 0.7 else x
    elif stem == "bass" and rng.random() < 0.35:
        clean = x
        x = 0.6 * clean + 0.5 * amplified(x, rng.uniform(0, 24), cabinet(rng), rng)
    elif rng.random() < 0.2:
        x = saturated(x, rng.uniform(1, 10))
    x = _run(_chain(label, stem, beat_s, rng), x)
    if rng.random() < 0.06:
        x = worn(x, rng)
    x = widened(np.repeat(x, 2, axis=0) if alike else x, label, rng)
    wet = _wetness(label, stem, rng)
    if wet > 0.01:
        x = x + np.float32(wet) * room.wet(x)
    return np.asarray(x, dtype=np.float32)


def _chain(label: str, stem: str, beat_s: float, rng: np.random.Generator) -> list[Any]:
    low_cut = rng.uniform(20, 35) if stem == "bass" or label in ("kick", "drum loop") else rng.uniform(40, 160)
    if stem == "vocals":
        low_cut = rng.uniform(70, 150)
    chain: list[Any] = [
        pb.HighpassFilter(low_cut),
        pb.PeakFilter(rng.uniform(180, 700), rng.uniform(-6, 3), rng.uniform(0.5, 2)),
        pb.PeakFilter(rng.uniform(1200, 6000), rng.uniform(-4, 6), rng.uniform(0.5, 1.5)),
        pb.HighShelfFilter(rng.uniform(4000, 10_000), rng.uniform(-6, 6), 0.7),
        pb.LowShelfFilter(rng.uniform(80, 250), rng.uniform(-4, 4), 0.7),
    ]
    if rng.random() < (0.95 if stem == "vocals" else 0.7):
        attack_ms = rng.uniform(5, 40) if stem == "drums" else rng.uniform(1, 30)
        chain.append(pb.Compressor(rng.uniform(-32, -14), rng.uniform(2, 8), attack_ms, rng.uniform(40, 250)))
    if stem == "other" and rng.random() < 0.3:
        chain.append(_modulation(rng))
    if stem == "vocals" and rng.random() < 0.07:
        chain += [pb.HighpassFilter(rng.uniform(300, 500)), pb.LowpassFilter(rng.uniform(2500, 4000))]
    if (stem == "vocals" and rng.random() < 0.35) or (stem == "other" and rng.random() < 0.15):
        time_s = float(np.clip(beat_s * rng.choice([0.5, 0.75, 1.0]), 0.05, 1.2))
        chain.append(pb.Delay(time_s, rng.uniform(0.1, 0.45), rng.uniform(0.06, 0.25)))
    if rng.random() < 0.1:
        chain.append(pb.LowpassFilter(rng.uniform(3000, 12_000)))
    return chain


def _modulation(rng: np.random.Generator) -> Any:
    if rng.random() < 0.6:
        return pb.Chorus(rng.uniform(0.2, 2.5), rng.uniform(0.1, 0.4), rng.uniform(5, 12), 0.0, rng.uniform(0.3, 0.6))
    return pb.Phaser(rng.uniform(0.1, 1.2), rng.uniform(0.2, 0.7), rng.uniform(500, 1800), rng.uniform(0, 0.4), 0.5)


def _wetness(label: str, stem: str, rng: np.random.Generator) -> float:
    """Level of the room beside the dry part."""
    most = {"vocals": 0.3, "drums": 0.14, "bass": 0.0, "other": 0.28}[stem]
    if label in ("kick", "synth bass"):
        most = 0.03
    if label in ("snare", "clap", "toms", "synth pad", "strings"):
        most = 0.35
    return float(most * rng.random() ** 1.3)


def amplified(samples: Samples, drive_db: float, response: NDArray[np.float32], rng: np.random.Generator) -> Samples:
    """A guitar amplifier: pre-emphasis, one or two stages that clip unevenly, a tone control and a cabinet.

    Chords clip as one sum, so the intermodulation is that of a real amplifier. The level is kept at what it was.
    """
    before = active_rms(samples)
    tight = pb.HighpassFilter(rng.uniform(40, 110))
    x = _run([tight, pb.PeakFilter(rng.uniform(500, 1100), rng.uniform(-2, 6), 0.7), pb.LowpassFilter(7500)], samples)
    gain = 10 ** (drive_db / 20)
    bias = rng.uniform(0, 0.25)
    x = np.tanh(x * np.float32(gain) + np.float32(bias)) - np.float32(np.tanh(bias))
    if drive_db > 24:
        x = np.tanh(
            _run([pb.HighpassFilter(40), pb.PeakFilter(rng.uniform(500, 900), rng.uniform(-10, -1), 0.7)], x) * 2.5
        )
    x = convolved(x, response)
    after = active_rms(x)
    return np.asarray(x * np.float32(before / max(after, 1e-9)), dtype=np.float32)


def cabinet(rng: np.random.Generator, taps: int = 1024) -> NDArray[np.float32]:
    """A random loudspeaker cabinet as a minimum-phase impulse response.

    The magnitude has the usual shape (a bump between 100 and 200 Hz, a dip above it, presence at 2 to 5 kHz, a steep
    end near 6 kHz) with a ripple that differs from one cabinet and microphone to the next. Its means were set so that
    our guitars have, within some 5 dB an octave, the mean spectrum of the recorded ones in the packages of guitar-game
    songs. Minimum phase by the real cepstrum.
    """
    hz = np.fft.rfftfreq(2 * taps, 1 / RATE)
    octaves = np.log2(np.maximum(hz, 10) / 1000)
    low, high = rng.uniform(45, 85), rng.uniform(4800, 7800)
    shape = -10 * np.log10(1 + (low / np.maximum(hz, 1)) ** 6) - 10 * np.log10(1 + (hz / high) ** rng.uniform(7, 12))
    presence = (rng.uniform(2500, 4800), 0.6, rng.uniform(-2, 7))
    for centre, width, gain in ((rng.uniform(100, 190), 0.8, 8), (rng.uniform(350, 900), 0.8, -4), presence):
        shape += gain * rng.uniform(0.5, 1.3) * np.exp(-((octaves - np.log2(centre / 1000)) ** 2) / width**2)
    ripple = np.convolve(rng.normal(0, 3, len(hz) + 14), np.hanning(15) / 5, mode="valid")
    log_magnitude = np.maximum(shape + ripple, -70) * np.log(10) / 20
    cepstrum = np.fft.irfft(log_magnitude)
    cepstrum[1:taps] *= 2
    cepstrum[taps + 1 :] = 0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:taps]
    return np.asarray(response, dtype=np.float32)


def convolved(samples: Samples, response: NDArray[np.float32]) -> Samples:
    """``samples`` through an impulse response, of the same length."""
    length = samples.shape[1]
    return np.asarray(oaconvolve(samples, response[None], axes=1)[:, :length], dtype=np.float32)


def saturated(samples: Samples, drive_db: float) -> Samples:
    """Soft clipping that keeps quiet parts as they are."""
    gain = np.float32(10 ** (drive_db / 20))
    return np.asarray(np.tanh(samples * gain) / gain, dtype=np.float32)


def worn(samples: Samples, rng: np.random.Generator) -> Samples:
    """Old machines: few bits at a low rate, or a tape whose speed wavers and which has lost its top."""
    if rng.random() < 0.5:
        return _run([pb.Bitcrush(rng.uniform(8, 12)), pb.LowpassFilter(rng.uniform(5000, 11_000))], samples)
    time = np.arange(samples.shape[1])
    wow = rng.uniform(5, 40) * np.sin(2 * np.pi * rng.uniform(0.3, 1.2) * time / RATE + rng.uniform(0, 6))
    places = np.clip(time + wow, 0, samples.shape[1] - 1)
    waved = np.stack([np.interp(places, time, channel) for channel in samples]).astype(np.float32)
    return _run([pb.LowpassFilter(rng.uniform(6000, 13_000)), pb.Distortion(rng.uniform(0, 6))], waved)


def panned(samples: Samples, place: float) -> Samples:
    """Balance from left (-1) to right (1): a sine law with 3 dB in the middle, made up so that 0 changes nothing."""
    angle = (place + 1) * np.pi / 4
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32) * np.float32(np.sqrt(2))
    return samples * gains


def narrowed(samples: Samples, width: float) -> Samples:
    """Side signal times ``width``: 0 is mono, 1 changes nothing."""
    middle = samples.mean(axis=0, keepdims=True)
    return np.asarray(middle + (samples - middle) * np.float32(width), dtype=np.float32)


def _run(chain: Sequence[Any], samples: Samples) -> Samples:
    board = pb.Pedalboard(list(chain))  # type: ignore[attr-defined]  # the package does not list it in __all__
    return np.asarray(board(samples, RATE, reset=True), dtype=np.float32)

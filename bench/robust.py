"""Held-out SDR of songs that are recorded otherwise: ``python -m bench.robust SONGS MODEL... [--ways mono,hissing]``.

SONGS and MODEL are those of bench.curve. The same pieces of the same songs, as old records, broken cables, small
speakers, live tapes and loud masters have them. What is done to the places of stems, their rooms and their highs is
done to each stem, and what a master does is a gain that all stems share, so that the truth is known; a codec's noise
and tape hiss belong to no stem, and the truth stays what it was before. Mean SDR over songs in dB.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.random import Generator

import unbraid
from bench.curve import STEMS, songs
from unbraid.data.augment import Change, change_wave, filtered
from unbraid.data.codec import Codec, through_codec
from unbraid.metrics.usdr import usdr
from unbraid.signal import Samples
from unbraid.train.validate import truths

Stems = dict[str, Samples]
"""``[channel, time]`` each: what is to be found."""

_SILENT = 1e-3  # RMS: below it a stem's SDR says nothing
_RATE = 44_100


def as_it_is(stem: Samples, rng: Generator) -> Samples:
    return stem


def mono(stem: Samples, rng: Generator) -> Samples:
    return np.repeat(stem.mean(0, keepdims=True), 2, axis=0)


def thrown(stem: Samples, rng: Generator) -> Samples:
    """All of it to one side, as on the first stereo records."""
    return stem.mean(0) * np.eye(2, dtype=np.float32)[rng.integers(2)][:, None]


def leaning(stem: Samples, rng: Generator) -> Samples:
    return change_wave(Change(pan_db=rng.uniform(-12, 12)), stem, _RATE, stem.shape[1])


def left_alone(stem: Samples, rng: Generator) -> Samples:
    return stem * np.array([[1], [0]], np.float32)


def inverted(stem: Samples, rng: Generator) -> Samples:
    return stem * np.array([[1], [-1]], np.float32)


def dull(stem: Samples, rng: Generator) -> Samples:
    return filtered(stem, Change(lowpass_hz=5000.0), _RATE)


def bright(stem: Samples, rng: Generator) -> Samples:
    return filtered(stem, Change(tilt_db=12.0), _RATE)


def roomy(stem: Samples, rng: Generator) -> Samples:
    change = Change(room_s=rng.uniform(0.5, 1.5), room_seed=int(rng.integers(1 << 31)))
    wet = change_wave(change, stem, _RATE, stem.shape[1])
    return wet * np.float32(np.sqrt(np.mean(stem**2) / max(float(np.mean(wet**2)), 1e-12)))


def slow(stem: Samples, rng: Generator) -> Samples:
    """A major third lower, and a quarter longer."""
    return change_wave(Change(speed=0.8), stem, _RATE, stem.shape[1])


def fast(stem: Samples, rng: Generator) -> Samples:
    change = Change(speed=1.25)
    return change_wave(change, stem, _RATE, int(stem.shape[1] / 1.25))


def clipped(stems: Stems, rng: Generator) -> tuple[Samples, Stems]:
    """Clipped hard where it is more than 6 dB above its own level, as loud masters are: a gain for each sample."""
    mixture = _sum(stems)
    knee = np.float32(2 * np.sqrt(np.mean(np.square(mixture))))
    gain = np.minimum(1, knee / np.maximum(np.abs(mixture), knee))
    return mixture * gain, {stem: wave * gain for stem, wave in stems.items()}


def lossy(stems: Stems, rng: Generator) -> tuple[Samples, Stems]:
    return through_codec(_sum(stems), Codec("mp3", 64), _RATE), stems


def hissing(stems: Stems, rng: Generator) -> tuple[Samples, Stems]:
    """Tape hiss 30 dB below the song."""
    mixture = _sum(stems)
    hiss = rng.standard_normal(mixture.shape).astype(np.float32)
    return mixture + hiss * np.float32(np.sqrt(np.mean(np.square(mixture))) * 10 ** (-30 / 20)), stems


def humming(stems: Stems, rng: Generator) -> tuple[Samples, Stems]:
    """Mains hum and what a hall mutters, 24 dB below the song: 50 Hz with harmonics, and pink noise that swells."""
    mixture = _sum(stems)
    length = mixture.shape[1]
    time_s = np.arange(length) / _RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in (1, 2, 3, 5))
    pink = np.fft.rfft(rng.standard_normal(mixture.shape))
    pink /= np.sqrt(np.maximum(np.fft.rfftfreq(length, 1 / _RATE), 50))
    noise = np.fft.irfft(pink, length) * (1 + 0.5 * np.sin(2 * np.pi * 0.3 * time_s))
    bed = hum / np.std(hum) + noise / np.std(noise)
    bed *= np.sqrt(np.mean(np.square(mixture)) / np.mean(np.square(bed))) * 10 ** (-24 / 20)
    return (mixture + bed).astype(np.float32), stems


def _sum(stems: Stems) -> Samples:
    return np.asarray(sum(stems.values()), np.float32)


def _each(way: Callable[[Samples, Generator], Samples]) -> Callable[[Stems, Generator], tuple[Samples, Stems]]:
    """What is done to a stem, done to all."""

    def done(stems: Stems, rng: Generator) -> tuple[Samples, Stems]:
        changed = {stem: way(wave, rng) for stem, wave in stems.items()}
        return _sum(changed), changed

    return done


_OF_A_STEM = (as_it_is, mono, leaning, thrown, left_alone, inverted, dull, bright, roomy, slow, fast)
_OF_A_SONG = (clipped, lossy, hissing, humming)
WAYS = {way.__name__: _each(way) for way in _OF_A_STEM} | {way.__name__: way for way in _OF_A_SONG}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--ways", default=",".join(WAYS), help="some of: %(default)s")
    options = parser.parse_args()
    ways = options.ways.split(",")
    if unknown := [way for way in ways if way not in WAYS]:
        parser.error(f"no way is called {', '.join(unknown)}; there are {', '.join(WAYS)}")
    chosen = songs(options.songs, options.split)
    print(f"{len(chosen)} songs of `{options.split}`, {options.seconds:g} s of each; mean SDR in dB")
    for name in options.models:
        model = unbraid.load(name)
        print(f"\n| {name} | {' | '.join(STEMS)} | mean |\n|---|{'---|' * len(STEMS)}---|")
        for way in ways:
            found: dict[str, list[float]] = {stem: [] for stem in STEMS}
            for number, song in enumerate(chosen):
                rng = np.random.default_rng(number)
                mixture, truth = WAYS[way](truths(song, STEMS, options.seconds), rng)
                estimate = model.separate(mixture, song.rate)
                for stem, wave in truth.items():
                    if np.sqrt(np.mean(np.square(wave))) > _SILENT:
                        found[stem].append(usdr(wave, estimate[stem]))
            row = [float(np.mean(values)) for values in found.values()]
            told = " | ".join(f"{value:.2f}" for value in (*row, float(np.mean(row))))
            print(f"| {way.replace('_', ' ')} | {told} |", flush=True)


if __name__ == "__main__":
    main()

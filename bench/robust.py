"""Held-out SDR of songs that are recorded otherwise: ``python -m bench.robust SONGS MODEL...``.

SONGS and MODEL are those of bench.curve. The same pieces of the same songs, as old records, broken cables and small
speakers have them: in mono, stems leaning or thrown to the sides, one channel alone, one wired the wrong way round,
without highs, in a room. Whatever is done is done to each stem, so that the truth is known. Mean SDR over songs in dB.
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
from unbraid.metrics.usdr import usdr
from unbraid.signal import Samples
from unbraid.train.validate import truths

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


def roomy(stem: Samples, rng: Generator) -> Samples:
    change = Change(room_s=rng.uniform(0.5, 1.5), room_seed=int(rng.integers(1 << 31)))
    wet = change_wave(change, stem, _RATE, stem.shape[1])
    return wet * np.float32(np.sqrt(np.mean(stem**2) / max(float(np.mean(wet**2)), 1e-12)))


WAYS: tuple[Callable[[Samples, Generator], Samples], ...] = (
    as_it_is, mono, leaning, thrown, left_alone, inverted, dull, roomy,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    chosen = songs(options.songs, options.split)
    print(f"{len(chosen)} songs of `{options.split}`, {options.seconds:g} s of each; mean SDR in dB")
    for name in options.models:
        model = unbraid.load(name)
        print(f"\n| {name} | {' | '.join(STEMS)} | mean |\n|---|{'---|' * len(STEMS)}---|")
        for way in WAYS:
            found: dict[str, list[float]] = {stem: [] for stem in STEMS}
            for number, song in enumerate(chosen):
                rng = np.random.default_rng(number)
                truth = {stem: way(wave, rng) for stem, wave in truths(song, STEMS, options.seconds).items()}
                estimate = model.separate(np.asarray(sum(truth.values()), np.float32), song.rate)
                for stem, wave in truth.items():
                    if np.sqrt(np.mean(np.square(wave))) > _SILENT:
                        found[stem].append(usdr(wave, estimate[stem]))
            row = [float(np.mean(values)) for values in found.values()]
            told = " | ".join(f"{value:.2f}" for value in (*row, float(np.mean(row))))
            print(f"| {way.__name__.replace('_', ' ')} | {told} |", flush=True)


if __name__ == "__main__":
    main()

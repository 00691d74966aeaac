"""A voice in real music: ``python -m bench.real_backing MODEL[,MODEL]... SONGS [--split test] [--seconds 12]``.

There is no real song whose voice we know. What comes nearest: real recordings of bands without a singer, which the
studio's packages have (``python -m unbraid.data.studio.real``), and a voice that it made added to each, twice, at -9 to
0 dB of the band. SONGS holds both, those of ``--split`` are used; nothing of that split was trained on. Whole-piece SDR
of the voice and of the rest, over the pieces, and the level of what is taken for a voice where there is none.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import unbraid
from unbraid.data.tracks import Song, read_part, scan
from unbraid.metrics.usdr import usdr
from unbraid.signal import Samples

RATE, SILENT = 44_100, 3e-3
VOCALS = frozenset(["vocals"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", help="names or files, with commas between")
    parser.add_argument("songs", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--seconds", type=float, default=12)
    given = parser.parse_args()
    names, length = given.models.split(","), round(given.seconds * RATE)
    bands, voices = material(scan(given.songs, given.split), length)
    models = {name: unbraid.load(name) for name in names}
    rng = np.random.default_rng(5)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    leaks: dict[str, list[float]] = {name: [] for name in names}
    for band in bands:
        for name, model in models.items():
            heard = model.separate(band, RATE, stems=["vocals"])["vocals"]
            leaks[name].append(10 * np.log10(np.square(heard).sum() / np.square(band).sum() + 1e-12))
        for _ in range(2):
            voice = voices[rng.integers(len(voices))]
            level = 10 ** (rng.uniform(-9, 0) / 20) * np.sqrt(np.square(band).sum() / np.square(voice).sum())
            mix = np.asarray(band + level * voice, np.float32)
            for name, model in models.items():
                heard = model.separate(mix, RATE, stems=["vocals"])["vocals"]
                found[name].append((usdr(level * voice, heard), usdr(band, mix - heard)))
    print(f"{len(bands)} pieces of `{given.split}`, {len(voices)} voices; SDR in dB, mean (median):\n")
    print("| model | voice | the rest | taken for a voice where there is none |\n|---|---|---|---|")
    for name in names:
        voice, rest = np.array(found[name]).T
        told = (f"{np.mean(each):.2f} ({np.median(each):.2f})" for each in (voice, rest))
        print(f"| {name} | {' | '.join(told)} | {np.mean(leaks[name]):.1f} dB of the mix |")


def material(songs: Sequence[Song], length: int) -> tuple[list[Samples], list[Samples]]:
    """From the middle of each band, and where each voice sounds most, ``[channel, length]``; silent ones left out."""
    bands, voices = [], []
    for song in songs:
        real, sung = song.id.startswith("real"), VOCALS in song.targets()
        if real and song.samples >= length:
            parts = [part for part in song.parts if part.stems != VOCALS]
            start = (song.samples - length) // 2
            bands.append(np.sum([read_part(part, start, length) for part in parts], axis=0))
        elif sung and not real and song.samples >= length:
            wave = np.sum([read_part(part, 0, song.samples) for part in song.parts_of(VOCALS)], axis=0)
            energy = np.concatenate([[0], np.cumsum(np.square(wave).sum(0))])
            start = int(np.argmax(energy[length:] - energy[:-length]))
            voices.append(wave[:, start : start + length])
    return [band for band in bands if _sounds(band)], [voice for voice in voices if _sounds(voice)]


def _sounds(wave: Samples) -> bool:
    return bool(np.sqrt(np.mean(np.square(wave))) > SILENT)


if __name__ == "__main__":
    main()

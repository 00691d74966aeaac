"""Real music that packages ship, as songs of the studio: bands known to have no singer, lead guitars, drum loops.

Such a song is weakly labelled: a part may be known only as the sum of several stems (Defossez et al. 2019, "Demucs",
used songs that lack a source in the same way). Songs are cut to pieces of at most a minute; all pieces of one
track are in one split.

    python -m unbraid.data.studio.real OUT --assets DIR
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from unbraid.data.studio.real_sources import (
    ALBUMS,
    DRUM_LOOP_SPLITS,
    DRUM_LOOPS,
    GUITAR_SONGS,
    GUITAR_SPLITS,
    LOOPS_LICENCE,
    LOOPS_PACKAGE,
    Album,
    Opened,
    drum_loops,
    guitar_songs,
    recordings,
)
from unbraid.data.tracks.write import SongFolder

RATE = 44_100
PIECE_S = 60.0
ALBUM_S = 1200.0
_HELD_OUT_PIECES = 2
_SHORTEST_S = 15.0
_SILENT_DB = -55.0
_BAND = ("drums", "bass", "other")

Stereo = NDArray[np.float32]
"""``[time, 2]`` at 44.1 kHz."""


@dataclass(frozen=True)
class RealPart:
    """One part of a real song: ``samples`` [time, 2] and what is known of it."""

    samples: Stereo
    stems: tuple[str, ...]
    label: str
    words: tuple[str, ...]
    source: str
    licence: str


def make_real(out: Path, assets: Path, seed: int, progress: Callable[[str], None], album_s: float = ALBUM_S) -> float:
    """Write every real song of the packages below ``assets`` to ``out/{train,valid,test}/real-*``; return its seconds.

    Args:
        seed: decides which tracks of an album are held out and which pieces of long tracks are taken.
        progress: told the name of each finished song.
        album_s: about so many seconds of train pieces from one album, but one piece of each track at least.

    A song that is there already is left as it is, so a run that was stopped goes on where it stopped.
    """
    makers = [_guitar_pieces(assets), _loop_songs(assets, seed)]
    makers += [_album_songs(album, assets, seed, album_s) for album in ALBUMS]
    total = 0.0
    for name, split, style, parts in (song for maker in makers for song in maker):
        total += len(parts[0].samples) / RATE
        if write_song(out / split / f"real-{name}", parts, style, seed):
            progress(f"{split}/real-{name}")
    return total


Song = tuple[str, str, str, list[RealPart]]
"""Name, split, style and parts."""


def _album_songs(album: Album, assets: Path, seed: int, album_s: float) -> Iterator[Song]:
    """Pieces of an album's tracks: the first two tracks of a shuffled order go to test and valid."""
    tracks = recordings(album, assets)
    order = np.random.default_rng([seed, len(album.package)]).permutation(len(tracks))
    share = album_s / max(len(tracks) - 2, 1)
    for place, number in enumerate(order):
        track = tracks[number]
        split = ("test", "valid")[place] if place < 2 and len(tracks) > 3 else "train"
        most = max(round(share / PIECE_S + 0.3), 1) if split == "train" else _HELD_OUT_PIECES
        samples = read_stereo(track.opened)
        for piece, cut in enumerate(spread_pieces(samples, most)):
            licence = album.licence_of(track.slug)
            source = f"{album.package}:{track.slug}"
            part = RealPart(samples[cut], _BAND, "band", ("instrumental music",), source, licence)
            yield f"{album.package}-{track.slug}-{piece + 1}", split, album.style, [part]


def _guitar_pieces(assets: Path) -> Iterator[Song]:
    """The songs for a guitar game, minute by minute: the lead guitar exact, the rest as a sum."""
    for package, name, folder in guitar_songs(assets):
        licence, stems = GUITAR_SONGS[package]
        guitar, rest = read_stereo(folder / "guitar.ogg"), read_stereo(folder / "song.ogg")
        length = min(len(guitar), len(rest))
        source = f"{package}:{name}"
        for piece, cut in enumerate(spread_pieces(guitar[:length] + rest[:length], 99)):
            words = ("lead guitar", "electric guitar")
            parts = [
                RealPart(guitar[cut], ("other",), "distorted guitar", words, source, licence),
                RealPart(rest[cut], stems, "band", (), source, licence),
            ]
            yield f"guitar-{name}-{piece + 1}", GUITAR_SPLITS.get(name, "train"), "metal", parts


def _loop_songs(assets: Path, seed: int) -> Iterator[Song]:
    """Drum loops played over and over for half a minute, at another speed now and then as drum machines do."""
    rng = np.random.default_rng([seed, 77])
    for name, path in drum_loops(assets):
        samples = read_stereo(path)
        speed = float(rng.uniform(0.9, 1.12))
        samples = np.asarray(soxr.resample(samples, RATE, RATE / speed), dtype=np.float32)
        turns = max(round(30 * RATE / len(samples)), 1)
        stems = ("drums",)
        part = RealPart(
            np.tile(samples, (turns, 1)), stems, DRUM_LOOPS[name], ("drums",), f"{LOOPS_PACKAGE}:{name}", LOOPS_LICENCE
        )
        split = DRUM_LOOP_SPLITS.get(name, "train")
        yield f"loop-{name.removeprefix('loop_').replace('_', '-')}", split, "loop", [part]


def read_stereo(opened: Opened) -> Stereo:
    """A recording as ``[time, 2]`` at 44.1 kHz; mono is doubled, more than two channels lose the rest."""
    samples, rate = sf.read(opened, dtype="float32", always_2d=True)
    stereo = samples[:, :2] if samples.shape[1] > 1 else np.repeat(samples, 2, axis=1)
    return stereo if rate == RATE else np.asarray(soxr.resample(stereo, rate, RATE), dtype=np.float32)


def spread_pieces(samples: Stereo, most: int) -> list[slice]:
    """At most ``most`` stretches of up to a minute, evenly spread over what sounds, none mainly silent."""
    length = round(PIECE_S * RATE)
    level = 10 * np.log10(_mean_square(samples) + 1e-12)
    loud = np.flatnonzero(level > _SILENT_DB)
    if not len(loud):
        return []
    begin, stop = int(loud[0]) * RATE, min(int(loud[-1] + 1) * RATE, len(samples))
    starts = np.arange(begin, stop, length)
    cuts = [slice(int(start), min(int(start) + length, stop)) for start in starts]
    kept = [cut for cut in cuts if cut.stop - cut.start >= _SHORTEST_S * RATE and _sounds(level, cut)]
    if len(kept) <= most:
        return kept
    return [kept[i] for i in np.unique(np.linspace(0, len(kept) - 1, 2 * most + 1)[1::2].astype(int))]


def _mean_square(samples: Stereo) -> NDArray[np.float64]:
    """Mean square of every second [second]."""
    seconds = [samples[at : at + RATE] for at in range(0, len(samples), RATE)]
    return np.array([float(np.mean(np.square(second))) for second in seconds])


def _sounds(level: NDArray[np.float64], cut: slice) -> bool:
    return bool(np.mean(level[cut.start // RATE : cut.stop // RATE] > _SILENT_DB) > 0.7)


def write_song(folder: Path, parts: Sequence[RealPart], style: str, seed: int) -> bool:
    """Write a song's folder, which appears when whole; False if it is there already.

    Parts louder than full scale are turned down together, so that their sum stays the mix.
    """
    if folder.exists():
        return False
    gain = np.float32(min(1.0, 0.999 / max(float(np.abs(part.samples).max()) for part in parts)))
    with SongFolder(folder, RATE) as song:
        for part in parts:
            owner = part.stems[0] if len(part.stems) == 1 else "band"
            name = f"{owner}__{part.label.replace(' ', '-')}.wav"
            where = {"source": part.source, "licence": part.licence}
            song.add(name, part.samples.T * gain, frozenset(part.stems), part.label, part.words, **where)
        song.finish("real", seed=seed, bpm=None, key=None, style=style)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m unbraid.data.studio.real", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--assets", type=Path, required=True, help="folder with one unpacked package a folder")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    seconds = make_real(chosen.out, chosen.assets, chosen.seed, print_line)
    print_line(f"{seconds / 60:.1f} minutes")
    return 0


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

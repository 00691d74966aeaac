"""From stems to what is written: two-stem sums, the residual, one common gain, and the grid of the format.

Null by construction. Let Q round to the grid of the output format, m be the mix and s_i the written stems, all times
one gain g. On the grid the residual is not the rounded difference but the difference of the rounded values,

    r = Q(g m) - sum_i Q(g s_i),

an integer number of steps, so ``sum_i Q(g s_i) + r = Q(g m)`` holds bit for bit. With float32 output g = 1, Q is the
identity, and the sum is exact to the rounding of float32 additions (about -140 dB). The same rule makes ``no_vocals``
the exact complement of ``vocals``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unbraid.engine.source import BLOCK, Source
from unbraid.errors import UsageError
from unbraid.signal import Samples

Depth = Literal[16, 24, "float32"]
Gain = Literal["common", "none"]

_DITHER_SALT = 0x5EED


@dataclass(frozen=True)
class Output:
    """One file to be: ``mix`` times the mix plus the sum of ``share * stem``, all whole numbers.

    A stem is itself, its complement is ``mix - stem``, the residual is the mix minus all other files.
    """

    name: str
    mix: int
    stems: Mapping[str, int]


def outputs(stems: tuple[str, ...], wanted: tuple[str, ...], two_stems: str | None, residual: bool) -> list[Output]:
    """The files of a song, in order; with ``residual`` their sum is the mix.

    ``two_stems`` replaces everything else by that stem and its complement. Raises UsageError.
    """
    unknown = [name for name in (*wanted, *((two_stems,) if two_stems else ())) if name not in stems]
    if unknown:
        raise UsageError(f"no stem is called {', '.join(unknown)}; this model has {', '.join(stems)}")
    if two_stems:
        files = [Output(two_stems, 0, {two_stems: 1}), Output(f"no_{two_stems}", 1, {two_stems: -1})]
    else:
        files = [Output(name, 0, {name: 1}) for name in stems if name in wanted]
    return [*files, remainder(files)] if residual else files


def remainder(files: list[Output]) -> Output:
    """The residual: the mix minus all ``files``."""
    names = {name for file in files for name in file.stems}
    shares = {name: -sum(file.stems.get(name, 0) for file in files) for name in sorted(names)}
    left = {name: share for name, share in shares.items() if share}
    return Output("residual", 1 - sum(file.mix for file in files), left)


@dataclass(frozen=True)
class Mixdown:
    """Everything that :func:`render` needs of a song.

    mix, stems: what was heard and what was taken out of it, at the song's rate, equally long.
    files: see :func:`outputs`. gain: applied to all alike. depth: the grid to round to, None for no rounding
    (float32, lossy formats). seed: of the dither.
    """

    mix: Source
    stems: Mapping[str, Source]
    files: list[Output]
    gain: float = 1.0
    depth: Depth | None = None
    seed: int = 0


def render(song: Mixdown, file: Output) -> Iterator[Samples]:
    """The samples ``[channel, time]`` of one file, block by block."""
    # A stem's dither must not depend on which file asks for it, or the files would not add up.
    order = {name: place for place, name in enumerate(sorted(song.stems), start=1)}
    dither = {name: np.random.default_rng([song.seed, _DITHER_SALT, order[name]]) for name in file.stems}
    lone = next(iter(file.stems)) if not file.mix and list(file.stems.values()) == [1] else None
    dither_of_mix = np.random.default_rng([song.seed, _DITHER_SALT, 0])
    for start in range(0, song.mix.length, BLOCK):
        stop = min(start + BLOCK, song.mix.length)
        if lone is not None:  # nothing to sum
            yield to_grid(song.stems[lone].read(start, stop), song.gain, song.depth, dither[lone])
            continue
        # Sums in float64, where multiples of 2^-23 are exact.
        total = np.zeros((song.mix.channels, stop - start), np.float64)
        if file.mix:
            total += file.mix * to_grid(song.mix.read(start, stop), song.gain, song.depth, dither_of_mix)
        for name, share in file.stems.items():
            total += share * to_grid(song.stems[name].read(start, stop), song.gain, song.depth, dither[name])
        yield total.astype(np.float32)


def to_grid(samples: Samples, gain: float, depth: Depth | None, generator: np.random.Generator) -> Samples:
    """``samples * gain`` rounded to the grid of ``depth``.

    16 bit gets triangular dither of one step (Lipshitz, Wannamaker and Vanderkooy 1992), which turns the rounding error
    into noise that does not follow the signal; samples that lie on the grid already, digital silence among them, are
    left alone.
    """
    scaled = samples * np.float32(gain) if gain != 1.0 else samples
    if depth not in (16, 24):
        return scaled
    # Powers of two and whole numbers up to 2^24 are exact in float32.
    full = np.float32(1 << (int(depth) - 1))
    steps = scaled * full
    rounded = np.rint(steps)
    if depth == 16:
        off_grid = steps != rounded
        if off_grid.any():
            draw = generator.random((2, *steps.shape), np.float32)
            rounded = np.where(off_grid, np.rint(steps + (draw[0] - draw[1])), rounded)
    return np.asarray(rounded / full, np.float32)


def common_gain(peak: float, gain: Gain, depth: Depth | None) -> float:
    """The one factor for all files of a song: 1 unless an integer or lossy format would clip at ``peak``.

    Full scale of n bit is ``1 - 2^(1-n)``; a further step of room is left for rounding and dither.
    """
    ceiling = 1.0 - 2.0 ** (3 - (16 if depth is None else int(depth))) if depth != "float32" else np.inf
    return min(1.0, float(ceiling) / peak) if gain == "common" and peak > 0 else 1.0

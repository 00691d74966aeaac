"""Bands: the frequency bins of an STFT gathered into groups of a handful of tokens each.

Music is denser at the bottom: a band of a few bins there tells one note from the next, while the top octave holds
cymbals and breath, whose fine structure a small net cannot name anyway. So bands widen upwards (band-split RNN,
Luo & Yu 2023, section II-B), and bins of the wide bands are pooled before the net sees them; a mask is repeated over
the bins that were pooled. Pooling halves the weights and most of the work at the two ends of the net.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional

from unbraid.errors import ModelError


@dataclass(frozen=True)
class BandGroup:
    """``count`` neighbouring bands of ``width`` pooled bins each; a pooled bin is the mean of ``pool`` STFT bins."""

    count: int
    width: int
    pool: int

    @property
    def pooled(self) -> int:
        """Pooled bins of the group."""
        return self.count * self.width

    @property
    def bins(self) -> int:
        """STFT bins that the group covers."""
        return self.count * self.width * self.pool


@dataclass(frozen=True)
class BandLayout:
    """All groups from the bottom to the top, for an STFT of ``freqs`` bins.

    The groups may reach a few bins beyond ``freqs`` (those are zeros), but less than one band.
    """

    groups: tuple[BandGroup, ...]
    freqs: int

    def __post_init__(self) -> None:
        if not self.groups or min(min(g.count, g.width, g.pool) for g in self.groups) < 1:
            raise ModelError(f"bands {self.groups} are empty; give (count, width, pool) triples of positive numbers")
        last = self.groups[-1]
        if not 0 <= self.padding < last.width * last.pool:
            raise ModelError(f"bands cover {self.covered} bins; the STFT has {self.freqs}, so the last band is off")

    @property
    def bands(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def covered(self) -> int:
        return sum(group.bins for group in self.groups)

    @property
    def padding(self) -> int:
        """Bins of zeros that the groups ask for beyond the STFT's own."""
        return self.covered - self.freqs

    def starts(self) -> list[int]:
        """First STFT bin of each group."""
        return [0, *accumulate(group.bins for group in self.groups)][:-1]


def layout(triples: tuple[tuple[int, int, int], ...], freqs: int) -> BandLayout:
    """The layout that ``(count, width, pool)`` triples from a config describe."""
    return BandLayout(tuple(BandGroup(*triple) for triple in triples), freqs)


def pooled_sum(layout: BandLayout, values: Tensor) -> Tensor:
    """``values[..., frame, freq]`` added up over each pooled bin: ``[..., frame, pooled bin]``."""
    values = functional.pad(values, (0, layout.padding))
    sums = []
    for start, group in zip(layout.starts(), layout.groups, strict=True):
        bins = values[..., start : start + group.bins]
        rows = bins.reshape(*bins.shape[:-1], group.pooled, group.pool).unbind(-1)
        # Adding slices is several times faster than a sum over an axis of two or four.
        sums.append(sum(rows[1:], rows[0]))
    return torch.cat(sums, -1)


def spread(layout: BandLayout, pooled: Tensor) -> Tensor:
    """``pooled[..., frame, pooled bin]`` repeated over the bins of each: ``[..., frame, freq]``."""
    whole, first = [], 0
    for group in layout.groups:
        bins = pooled[..., first : first + group.pooled]
        first += group.pooled
        if group.pool > 1:
            bins = bins.unsqueeze(-1).expand(*bins.shape, group.pool).flatten(-2)
        whole.append(bins)
    return torch.cat(whole, -1)[..., : layout.freqs]

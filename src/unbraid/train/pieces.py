"""Between the sampler, which draws at the songs' rate, and a net, which may have another rate or one channel.

A piece's curves (gains by frequency) and its change of rate are one transform: multiply its spectrum, cut it at the
lower half of the rate, and go back to as many samples as the net's rate wants. The piece is taken as periodic, so its
ends hear each other within the length of the filters, milliseconds of seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unbraid.data.tracks import Song
from unbraid.errors import UsageError
from unbraid.signal import Samples
from unbraid.train.recipe import DataSection


@dataclass(frozen=True)
class Pieces:
    """What the sampler draws: ``length`` samples at the songs' rate, and curves at the frequencies ``hz[freq]``."""

    length: int
    hz: Samples


@dataclass(frozen=True)
class Shaper:
    """From pieces at ``song_rate`` to waves at a net's ``rate`` with its ``channels``."""

    song_rate: int
    rate: int
    channels: int

    def waves(self, wave: Tensor, curve: Tensor) -> Tensor:
        """``wave[..., 2, time]`` and ``curve[..., freq]``, freq those of its transform, to ``[..., channel, time]``."""
        drawn = wave.shape[-1]
        given = round(drawn * self.rate / self.song_rate)
        spectrum = torch.fft.rfft(wave) * curve[..., None, :]
        shaped: Tensor = torch.fft.irfft(spectrum[..., : min(drawn, given) // 2 + 1], given) * (given / drawn)
        return shaped.mean(-2, keepdim=True) if self.channels == 1 else shaped


def wave_pieces(data: DataSection, net: Any, song_rate: int, late: bool) -> Pieces:
    """Pieces for a net that is given waves; curves are wanted at every bin of the whole piece's transform."""
    length = round(piece_length(data, net, late) * song_rate / net.config.rate)
    return Pieces(length, np.fft.rfftfreq(length, 1 / song_rate).astype(np.float32))


def mask_pieces(data: DataSection, net: Any, song_rate: int, late: bool) -> Pieces:
    """Pieces for a net that is given their STFT with the curves in it, at the songs' own rate and in stereo.

    Its tokens hold two frames, and n hops have n + 1 of them: seconds are cut to the next lower odd number of hops.
    """
    config = net.config
    if song_rate != config.rate:
        raise UsageError(f"songs have {song_rate} Hz, the net {config.rate}; this net learns at its own rate only")
    hz = np.arange(config.n_fft // 2 + 1, dtype=np.float32) * np.float32(config.rate / config.n_fft)
    hops, in_seconds = piece_length(data, net, late) // config.hop, data.piece_s or (late and data.late_piece_s)
    if hops % 2 == 0 and not in_seconds:
        raise UsageError(f"pieces have {hops} hops; this net takes an odd number: set data.hops and data.late_hops so")
    return Pieces(max(1, hops - 1 + hops % 2) * config.hop, hz)


def piece_length(data: DataSection, net: Any, late: bool) -> int:
    """Samples of a piece at the net's rate."""
    piece_s = (data.late_piece_s if late else None) or data.piece_s
    if piece_s is not None:
        samples: float = piece_s * net.config.rate
        return round(samples)
    if not hasattr(net.config, "hop"):
        raise UsageError("this net has no STFT of its own to count hops in; give data.piece_s, in seconds")
    return int(((data.late_hops if late else None) or data.hops) * net.config.hop)


def rate_of(songs: Sequence[Song]) -> int:
    """The rate of all songs."""
    if not songs:
        raise UsageError("there are no songs to learn from; data.root must have folders of songs in train/")
    rates = sorted({song.rate for song in songs})
    if len(rates) != 1:
        raise UsageError(f"songs have {' and '.join(map(str, rates))} Hz; they must have one rate")
    return rates[0]


def grouped(songs: Sequence[Song], groups: Mapping[str, Sequence[str]]) -> list[Song]:
    """``songs`` with each stem named by the group that it belongs to."""
    group_of = {stem: group for group, stems in groups.items() for stem in stems}
    return [
        replace(
            song,
            parts=tuple(
                replace(part, stems=frozenset(group_of.get(stem, stem) for stem in part.stems)) for part in song.parts
            ),
        )
        for song in songs
    ]

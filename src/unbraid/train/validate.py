"""The figure that a run is steered by: SDR of pieces of held-out songs, mean over songs.

One piece a song, always the same, cut from its middle, and taken apart by the engine that users run. This is the
whole-piece SDR (unbraid.metrics.usdr), not that of BSS-Eval. Medians over songs, as results are given in, move more by
chance: those of 25 songs once stood still where the mean over 43 rose by 0.14 dB, and songs never seen with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unbraid.api import Model
from unbraid.data.tracks import Song, read_part
from unbraid.engine.refine import Member
from unbraid.metrics.usdr import usdr
from unbraid.runtime.torch import TorchSeparator
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.zoo.load import Loaded

OVER_SONGS = "mean"
"""What a stem's figure is over songs."""

_SILENT = 1e-3  # RMS: below it a stem's SDR says nothing


def measurable(songs: Sequence[Song], stems: int = 4) -> list[Song]:
    """The songs that know three stems or more exactly, of nets with as many.

    A lone loop or a known sum is no song to measure on.
    """
    exact = (song for song in songs if all(len(target) == 1 for target in song.targets()))
    return [song for song in exact if len(song.targets()) >= min(3, stems)]


def validate(net: Any, songs: Sequence[Song], stems: Sequence[str], piece_s: float) -> dict[str, float]:
    """:func:`means` of ``net``, which is left as one that learns."""
    answer = means(_model(net), songs, stems, piece_s)
    net.train()
    return answer


def means(model: Model, songs: Sequence[Song], stems: Sequence[str], piece_s: float) -> dict[str, float]:
    """Mean SDR in dB of each stem over ``songs``, and "mean" over the stems; stems that never sound are left out."""
    found: dict[str, list[float]] = {stem: [] for stem in stems}
    for song in songs:
        truth = truths(song, stems, piece_s)
        mix = np.asarray(sum(truth.values()), np.float32)
        estimate = model.separate(mix, song.rate)
        for stem in stems:
            if np.sqrt(np.mean(np.square(truth[stem]))) > _SILENT:
                found[stem].append(usdr(truth[stem], estimate[stem]))
    each = {stem: float(np.mean(values)) for stem, values in found.items() if values}
    return each | ({"mean": float(np.mean(list(each.values())))} if each else {})


def truths(song: Song, stems: Sequence[str], piece_s: float) -> dict[str, Samples]:
    """The middle ``piece_s`` seconds of each stem, ``[channel, time]``; silence where the song has none."""
    length = min(song.samples, round(piece_s * song.rate))
    start = (song.samples - length) // 2
    silence = np.zeros((2, length), np.float32)
    return {
        stem: sum((read_part(part, start, length) for part in song.parts_of(frozenset([stem]))), silence)
        for stem in stems
    }


def _model(net: Any) -> Model:
    """``net``, of the registry, as the engine's separator, on the device where it is."""
    spec: Spec = net.spec("net")
    separator = TorchSeparator(net, spec, next(net.parameters()).device, threads=1, together=1)
    return Model(Loaded("net", (Member(separator, (1.0,) * len(spec.stems)),), identity="", runtime="torch"))

"""The figure that a run is steered by: SDR of whole pieces of held-out songs, median over songs.

One piece a song, always the same, cut from its middle. This is the whole-piece SDR (unbraid.metrics.usdr), not that of
BSS-Eval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from unbraid.data.tracks import Song, read_part
from unbraid.metrics.usdr import usdr

_SILENT = 1e-3  # RMS: below it a stem's SDR says nothing


def measurable(songs: Sequence[Song]) -> list[Song]:
    """The songs that know three stems or more exactly; a lone loop or a known sum is no song to measure on."""
    exact = (song for song in songs if all(len(target) == 1 for target in song.targets()))
    return [song for song in exact if len(song.targets()) >= 3]


@torch.no_grad()
def validate(net: nn.Module, songs: Sequence[Song], stems: Sequence[str], piece_s: float) -> dict[str, float]:
    """Median SDR in dB of each stem over ``songs``, and "mean" over the stems; stems that never sound are left out."""
    found: dict[str, list[float]] = {stem: [] for stem in stems}
    net.eval()
    for song in songs:
        length = min(song.samples, round(piece_s * song.rate))
        start = (song.samples - length) // 2
        truth = {
            stem: sum(
                (read_part(part, start, length) for part in song.parts_of(frozenset([stem]))), np.zeros((2, length))
            )
            for stem in stems
        }
        mix = np.asarray(sum(truth.values()), np.float32)
        estimate = net(torch.from_numpy(mix)[None])[0].numpy()
        for index, stem in enumerate(stems):
            if np.sqrt(np.mean(np.square(truth[stem]))) > _SILENT:
                found[stem].append(usdr(truth[stem], estimate[index]))
    net.train()
    medians = {stem: float(np.median(values)) for stem, values in found.items() if values}
    return medians | ({"mean": float(np.mean(list(medians.values())))} if medians else {})

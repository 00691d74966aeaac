"""Bounds: what no separator should fall below, and what masks of one kind cannot exceed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unbraid.evaluate.entrants import Entrant
from unbraid.evaluate.song import Song
from unbraid.signal import Samples
from unbraid.transform.stft import Stft

_MASK_STFT = Stft(4096, 1024)
_MASK_SEGMENT = 1024 * _MASK_STFT.hop
_TINY = np.float32(1e-12)


def bounds() -> list[Entrant]:
    """The mixture given for every stem, which any separator should beat; and the ideal ratio mask, which few can."""
    return [
        Entrant(
            "mixture",
            "mixture",
            lambda song: dict.fromkeys(song.stems, song.mixture),
            lambda song, words: dict.fromkeys(words, song.mixture),
            bound=True,
        ),
        Entrant("ideal ratio mask", "irm 4096 1024", ideal_ratio_mask, _masks_of_sounds, bound=True),
    ]


def _masks_of_sounds(song: Song, words: Sequence[str]) -> dict[str, Samples]:
    """Each sound against all else in the mixture, one at a time: words may name parts of each other."""
    return {word: ideal_ratio_mask(replace(song, stems={word: song.sounds[word]}))[word] for word in words}


def ideal_ratio_mask(song: Song) -> dict[str, Samples]:
    """The mixture's STFT (4096 samples, hop 1024) times ``|S_k| / sum_j |S_j|``, for each channel.

    What the known stems leave of the mixture counts as one more source. Done by segments with a window's context, on
    the transform's own grid of frames, so that the result is that of one pass over the song.
    """
    length, context = song.mixture.shape[1], _MASK_STFT.n_fft
    answer = {name: np.empty_like(song.mixture) for name in song.stems}
    for start in range(0, length, _MASK_SEGMENT):
        low, stop = max(start - context, 0), min(start + _MASK_SEGMENT, length)
        mixture = song.mixture[:, low : stop + context]
        stems = np.stack([stem[:, low : stop + context] for stem in song.stems.values()])
        magnitudes = np.abs(_MASK_STFT.forward(stems))
        rest = np.abs(_MASK_STFT.forward(mixture - stems.sum(axis=0)))
        spectrum = _MASK_STFT.forward(mixture)
        spectrum /= magnitudes.sum(axis=0) + rest + _TINY
        masked = _MASK_STFT.inverse(magnitudes * spectrum, mixture.shape[1])
        for name, part in zip(song.stems, masked, strict=True):
            answer[name][:, start:stop] = part[:, start - low : stop - low]
    return answer

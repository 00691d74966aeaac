"""Songs whose channels are not as a net knows them, made so for the net, and undone in what it answers.

Nets that learnt from ordinary stereo take their places for granted: what is in the middle is a voice, a bass or drums.
A song on the left channel alone, one with a channel much quieter than the other, or one whose right channel was wired
the wrong way round puts nothing where they look for it (``python -m bench.robust``). Each of these is a matrix ``A``
away from an ordinary song. The net hears ``A x``, and each of its stems ``s_i`` is given back as ``B s_i``, with ``B``
chosen so that ``B A x = x`` for this song: stems that add up to what was heard add up to the song.

    a quieter channel    A = diag(1, g)            B = diag(1, 1/g)
    wired wrong          A = diag(1, -1)           B = A
    one channel alone    A = [[1, 0], [1, 0]]      B = [[1/2, 1/2], [0, 0]]
    both the same        A = identity              B = [[1/2, 1/2], [1/2, 1/2]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unbraid.engine.source import BLOCK, Source
from unbraid.signal import Samples
from unbraid.spec import Spec

_QUIETER_DB = 3.0  # what songs are mastered within; from here on the quieter channel is turned up
_GONE_DB = 60.0  # so much quieter is no channel, but what leaks into it
_AGAINST = -0.5  # correlation from which on one channel is turned over


@dataclass(frozen=True)
class Balance:
    """``before`` makes what the net hears of a song's two channels, ``after`` undoes it in its stems: ``[2, 2]``."""

    before: Samples
    after: Samples

    def heard(self, song: Source) -> Source:
        return Balanced(song, self.before)

    def undone(self, stem: Samples) -> Samples:
        """``[..., channel, time]`` of a stem as the song has it."""
        answer: Samples = self.after @ stem
        return answer


@dataclass(frozen=True)
class Balanced:
    """``source`` with other channels made of its two."""

    source: Source
    matrix: Samples

    @property
    def channels(self) -> int:
        return len(self.matrix)

    @property
    def length(self) -> int:
        return self.source.length

    def read(self, start: int, stop: int) -> Samples:
        answer: Samples = self.matrix @ self.source.read(start, stop)
        return answer


def balance_of(spec: Spec, song: Source) -> Balance | None:
    """What is to be done to ``song`` for a net of ``spec``; None if it is as it should be, or the net takes all."""
    if not spec.balanced or song.channels != 2:
        return None
    left, right, both, apart = _energies(song)
    if not left and not right:
        return None
    if not left or not right or abs(10 * np.log10(left / right)) > _GONE_DB:
        live = 0 if left >= right else 1
        return Balance(_matrix([[1 - live, live]] * 2), _matrix([[0.5 * (1 - live)] * 2, [0.5 * live] * 2]))
    if not apart:
        return Balance(_matrix([[1, 0], [0, 1]]), _matrix([[0.5, 0.5]] * 2))
    ratio = float(np.sqrt(left / right))
    louder = ratio if abs(20 * np.log10(ratio)) > _QUIETER_DB else 1.0
    sign = -1.0 if both < _AGAINST * np.sqrt(left * right) else 1.0
    if (louder, sign) == (1.0, 1.0):
        return None
    # The quieter channel is turned up, so that the louder one stays as it is, bit for bit.
    gains = (max(1.0, 1 / louder), sign * max(1.0, louder))
    return Balance(_matrix(np.diag(gains)), _matrix(np.diag([1 / gains[0], 1 / gains[1]])))


def _energies(song: Source) -> tuple[float, float, float, float]:
    """Sums over the song: left squared, right squared, left times right, and their difference squared."""
    sums = [0.0] * 4
    for start in range(0, song.length, BLOCK):
        left, right = song.read(start, min(start + BLOCK, song.length))
        apart = left - right
        products = (left @ left, right @ right, left @ right, apart @ apart)
        sums = [total + float(product) for total, product in zip(sums, products, strict=True)]
    return sums[0], sums[1], sums[2], sums[3]


def _matrix(rows: Sequence[Sequence[float]] | Samples) -> Samples:
    return np.asarray(rows, np.float32)

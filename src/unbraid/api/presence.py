"""Whether what was asked is in the song, as a number from 0 to 1 for each asked file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unbraid.api.asking import Asking
from unbraid.api.way import Taken
from unbraid.engine.finish import Mixdown, Output, render

LIKELY = 0.5
"""What has less is told as absent."""

_HALF_DB = -30.0


def presence_of(asking: Asking, taken: Taken, mixdown: Mixdown) -> dict[str, float]:
    """Asked name to presence.

    The separator's own word counts where it gives one for each question of a sound; a fixed stem, and the mix without
    something, are judged by how loud they are (:func:`of_level`), and so is an answer of which nothing is told.
    """
    if not asking.asked:
        return {}
    plain = replace(mixdown, gain=1.0, depth=None)
    whole = _energy(plain, Output("mix", 1, {}))
    answer = {}
    for each in asking.asked:
        told = [taken.presence[key] for key in each.questions if key in taken.presence]
        if each.route.without:
            told = []
        if each.fixed or len(told) < len(each.questions):
            told.append(of_level(_energy(plain, each.output), whole))
        answer[each.name] = round(max(told), 3)
    return answer


def of_level(energy: float, whole: float) -> float:
    """A half at 30 dB below the mix, 0.91 at 20 dB below, 0.09 at 40 dB below; 0 for silence."""
    if energy <= 0 or whole <= 0:
        return 0.0
    level_db = 10 * float(np.log10(energy / whole))
    return float(1 / (1 + 10.0 ** ((_HALF_DB - level_db) / 10)))


def _energy(mixdown: Mixdown, file: Output) -> float:
    return sum(float(np.square(block, dtype=np.float64).sum()) for block in render(mixdown, file))

"""Arrays in, arrays out: a song that is in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unbraid.api.asking import Answered, plan_asking
from unbraid.api.join import take_apart
from unbraid.api.model import Model
from unbraid.api.presence import presence_of
from unbraid.api.way import Way
from unbraid.engine.finish import Mixdown, outputs, render
from unbraid.engine.source import ArraySource
from unbraid.engine.store import ArrayStore
from unbraid.errors import UsageError
from unbraid.signal import as_samples, check_rate, check_sound


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """A single text is one name, not one for each of its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def separate_array(
    model: Model,
    samples: object,
    rate: int,
    stems: str | Sequence[str],
    way: Way,
    *,
    ask: str | Sequence[str] = (),
    without: str | Sequence[str] = (),
    like: str | Sequence[str] = (),
    rest: bool = False,
    two_stems: str | None = None,
    residual: bool = False,
) -> Answered:
    """As :meth:`Model.separate`."""
    song = ArraySource(as_samples(samples))
    check_sound(song.samples)
    check_rate(rate)
    if song.channels not in (1, 2):
        raise UsageError(f"samples have {song.channels} channels; give mono or stereo, [channel, time]")
    if two_stems and stems:
        raise UsageError("two_stems gives one stem and its complement; it cannot be combined with stems")
    files = outputs(model.spec.stems, texts(stems) or model.spec.stems, two_stems, residual)
    wanted = [name for name in model.spec.stems if any(name in file.stems for file in files)]
    names = [file.name for file in files]
    asking = plan_asking(model.spec.stems, names, ask=texts(ask), without=texts(without), like=texts(like), rest=rest)
    taken = take_apart(model, song, rate, wanted, asking, lambda _, channels: ArrayStore(channels, song.length), way)
    mixdown = Mixdown(song, taken.sources, files)
    answer = {}
    for file in (*files, *asking.outputs):
        blocks = list(render(mixdown, file))
        answer[file.name] = np.concatenate(blocks, 1) if blocks else np.zeros_like(song.samples)
    routes = {each.name: each.route for each in asking.asked}
    return Answered(answer, rate, routes, presence_of(asking, taken, mixdown))

"""What a run draws from and is measured on: songs with stems, or sounds that are asked for.

The loop knows songs, samplers and figures; which of them a net wants is told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from unbraid.data.plan import Place, Plan, Planner
from unbraid.data.sample import Batch, Sampler
from unbraid.data.tracks import Song, scan
from unbraid.data.tracks.find import OnBroken
from unbraid.nets.audiosep import AudioSep
from unbraid.nets.compact_words import CompactWords
from unbraid.query.encoder import TableEncoder
from unbraid.signal import Samples
from unbraid.train.asked_data import Asked, AskedSampler, asked_songs
from unbraid.train.asked_loss import sdr_improvement
from unbraid.train.pieces import Pieces, Shaper, grouped, rate_of
from unbraid.train.query_data import Asking, QuerySampler
from unbraid.train.recipe import Recipe
from unbraid.train.tasks import pieces_for
from unbraid.train.validate import measurable, validate
from unbraid.train.words_data import WordsSampler
from unbraid.train.words_plan import WordsPlanner


class AnySampler(Protocol):
    """Draws examples; the same for the same ``seed``."""

    def batch(self, seed: Sequence[int], size: int) -> Batch | Asked | Plan: ...


def arrays(batch: Batch | Asked | Plan) -> dict[str, Samples]:
    """The arrays of ``batch`` by name, in the order in which a task takes them, examples along the first axis."""
    return {field.name: getattr(batch, field.name) for field in fields(batch)}


def songs_for(recipe: Recipe, net: Any, on_broken: OnBroken) -> list[Song]:
    """All that is to learn from."""
    return _songs(recipe, net, "train", on_broken)


def held_out(recipe: Recipe, net: Any) -> list[Song]:
    """What is measured on."""
    found = _songs(recipe, net, "valid", lambda _: None)
    return found if isinstance(net, AudioSep) else measurable(found, len(_stems(net)))[: recipe.run.valid_songs]


def sampler_for(
    recipe: Recipe, net: Any, songs: Sequence[Song], late: bool, places: Mapping[Path, Place] | None = None
) -> AnySampler:
    """Draws from ``songs`` what ``net`` learns from, in the final decay if ``late``.

    As plans, if the songs lie at ``places``.
    """
    data, pieces = recipe.data, pieces_for(recipe, net, rate_of(songs), late)
    if places is not None:
        return _planner(recipe, net, songs, pieces, places)
    if isinstance(net, AudioSep):
        return AskedSampler(songs, pieces.length, net.config.embedding, recipe.asking)
    stems = Sampler(songs, _stems(net), pieces.length, pieces.hz, data.mixing, data.augment)
    if not isinstance(net, CompactWords):
        return stems
    hop = net.config.hop
    asked = QuerySampler(songs, _stems(net), pieces.length // hop, hop, TableEncoder(), Asking())
    return WordsSampler(stems, asked, recipe.words.queries)


def _planner(
    recipe: Recipe, net: Any, songs: Sequence[Song], pieces: Pieces, places: Mapping[Path, Place]
) -> Planner | WordsPlanner:
    data = recipe.data
    plans = Planner(songs, places, _stems(net), pieces.length, pieces.hz, data.mixing, data.augment)
    if not isinstance(net, CompactWords):
        return plans
    hop = net.config.hop
    asked = QuerySampler(songs, _stems(net), pieces.length // hop, hop, TableEncoder(), Asking())
    return WordsPlanner(plans, asked, _stems(net), recipe.words.queries, recipe.words.guest)


def figures(recipe: Recipe, net: Any, songs: Sequence[Song]) -> dict[str, float]:
    """In dB: SDR of each stem, or SDR improvement of what is asked; "mean" is what the best net has most of."""
    piece_s = recipe.run.valid_piece_s
    if not isinstance(net, AudioSep):
        return validate(net, songs, _stems(net), piece_s)
    if not songs:
        return {}
    rate = rate_of(songs)
    sampler = AskedSampler(songs, round(piece_s * rate), net.config.embedding, recipe.asking)
    return sdr_improvement(net, Shaper(rate, net.config.rate, 1), sampler, recipe.run.valid_songs)


def _songs(recipe: Recipe, net: Any, split: str, on_broken: OnBroken) -> list[Song]:
    data = recipe.data
    root = data.valid_root or data.root if split == "valid" else data.root
    if isinstance(net, AudioSep):
        return asked_songs(root, split, net.config.rate, on_broken)
    return grouped(scan(root, split, on_broken), data.stems)


def _stems(net: Any) -> tuple[str, ...]:
    stems: tuple[str, ...] = net.spec("net").stems
    return stems

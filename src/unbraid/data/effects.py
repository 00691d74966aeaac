"""Chains of effects for one stem, by name: what ``effects.toml`` lists, played by pedalboard (in the [train] extra).

A chain is drawn once, as plain numbers, and applied to a whole target, so a stem of several parts stays one recording.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.random import Generator

from unbraid.errors import MissingExtra, UsageError
from unbraid.signal import Samples

# What a chain may be made of: nothing that shifts the sound in time, and nothing that loads files.
PLUGINS = frozenset(
    (
        "Bitcrush", "Chorus", "Compressor", "Delay", "Distortion", "HighShelfFilter", "HighpassFilter",
        "LowShelfFilter", "LowpassFilter", "PeakFilter", "Phaser", "Reverb",
    )
)  # fmt: skip

Chain = tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
"""Effects in order, each a plugin's name and its numbers."""


@dataclass(frozen=True)
class Preset:
    """A chain with ranges instead of numbers, and the stems that it suits."""

    stems: frozenset[str]
    chain: tuple[tuple[str, tuple[tuple[str, tuple[float, float]], ...]], ...]


@cache
def presets() -> dict[str, Preset]:
    """All presets by name."""
    return parse(tomllib.loads(files("unbraid.data").joinpath("effects.toml").read_text("utf-8")))


def parse(tables: dict[str, Any]) -> dict[str, Preset]:
    """Presets from the tables of a TOML file; UsageError names what is wrong."""
    found = {}
    for name, table in tables.items():
        try:
            chain = [(step["plugin"], _ranges(step)) for step in table["chain"]]
            found[name] = Preset(frozenset(table["stems"]), tuple(chain))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"effect {name!r}: needs stems, and a chain of plugins with numbers ({error!r})"
            ) from error
        unknown = {plugin for plugin, _ in chain} - PLUGINS
        if unknown:
            raise UsageError(
                f"effect {name!r}: {', '.join(unknown)} is unknown; there are {', '.join(sorted(PLUGINS))}"
            )
    return found


def draw_chain(rng: Generator, stems: Collection[str], names: Collection[str] = ()) -> Chain | None:
    """One of the presets ``names`` (all, if none is named) that suits all of ``stems``, its numbers drawn.

    None if none suits. UsageError for a name that is not there.
    """
    known = presets()
    check_names(names)
    fitting = [known[name] for name in (names or known) if known[name].stems.issuperset(stems)]
    if not fitting or not stems:
        return None
    preset = fitting[int(rng.integers(len(fitting)))]
    return tuple(
        (plugin, tuple((name, float(rng.uniform(*span))) for name, span in numbers)) for plugin, numbers in preset.chain
    )


def check_names(names: Collection[str]) -> None:
    """UsageError for the name of a preset that is not there."""
    unknown = set(names) - presets().keys()
    if unknown:
        raise UsageError(f"effects are {', '.join(sorted(unknown))}; known are {', '.join(presets())}")


def through_effects(wave: Samples, chain: Chain, rate: int) -> Samples:
    """``wave[channel, time]`` through ``chain``, as long, in time and as loud (RMS) as before."""
    try:
        import pedalboard
    except ImportError as error:
        raise MissingExtra("effects need pedalboard; pip install 'unbraid[train]'") from error
    chained: Any = getattr(pedalboard, "Pedalboard")  # noqa: B009 - its stubs hide the name
    board = chained([getattr(pedalboard, plugin)(**dict(numbers)) for plugin, numbers in chain])
    wet = np.asarray(board(np.ascontiguousarray(wave, np.float32), rate), np.float32)
    before, after = (float(np.sqrt(np.mean(np.square(each), dtype=np.float64))) for each in (wave, wet))
    return wet * np.float32(before / after) if after > 0 else wet


def _ranges(step: dict[str, Any]) -> tuple[tuple[str, tuple[float, float]], ...]:
    return tuple(
        (name, (float(value[0]), float(value[1])) if isinstance(value, list) else (float(value), float(value)))
        for name, value in step.items()
        if name != "plugin"
    )

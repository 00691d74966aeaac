"""A recipe: everything that makes a training run, from one TOML file, with any number of ``key=value`` changes.

A misspelt key or a number out of range is an error that names the key; nothing is silently ignored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unbraid.data.augment import Ranges
from unbraid.data.sample import Mixing
from unbraid.errors import UsageError
from unbraid.train.loss import MaskLoss

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetSection(_Section):
    """name: of the registry. config: what differs from the config class's defaults."""

    name: str
    config: dict[str, Any] = {}


class DataSection(_Section):
    """Where songs are and how pieces are cut from them.

    root: a folder with train/ and valid/. valid_root: where valid/ is, if elsewhere. hops: length of a piece in STFT
    hops, odd. late_hops: of the pieces in the final decay, where the net learns to use a longer context. rescan_s: how
    often new songs are looked for.
    """

    root: Path
    valid_root: Path | None = None
    hops: Count = 131
    late_hops: Count | None = None
    rescan_s: Positive = 300
    mixing: Mixing = Mixing()
    augment: Ranges = Ranges()


class OptimSection(_Section):
    """AdamW (Loshchilov & Hutter 2019), warmed up over ``warmup`` steps, gradients clipped to norm ``clip``."""

    lr: Positive = 1.5e-3
    betas: tuple[Share, Share] = (0.9, 0.99)
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Annotated[int, Field(ge=0)] = 300
    clip: Positive = 1.0
    ema: Share = 0.999
    batch: Count = 3


class ScheduleSection(_Section):
    """The run ends after ``budget_s`` seconds of training or ``steps`` steps, whichever is given and comes first.

    The rate is constant, then falls linearly to zero over the last ``decay`` of the run (Hägele et al. 2024): a run may
    be extended from the checkpoint before its decay, and nothing but the end has to be known in advance.
    """

    budget_s: Positive | None = None
    steps: Count | None = None
    decay: Share = 0.15


class RunSection(_Section):
    """processes: each of one thread with its own batch; gradients are averaged.

    valid_songs: how many are validated on, one piece of ``valid_piece_s`` each.
    """

    seed: int = 0
    processes: Count = 1
    checkpoint_s: Positive = 300
    valid_s: Positive = 900
    valid_songs: Count = 12
    valid_piece_s: Positive = 10
    log_steps: Count = 20


class Recipe(_Section):
    """One training run."""

    net: NetSection
    data: DataSection
    loss: MaskLoss = MaskLoss()
    optim: OptimSection = OptimSection()
    schedule: ScheduleSection
    run: RunSection = RunSection()


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """The recipe in ``path`` with ``changes`` such as "optim.lr=1e-3" applied; UsageError says what is wrong where."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"recipe {path}: {error}") from error
    return parse(raw, changes, str(path))


def parse(raw: dict[str, Any], changes: Sequence[str] = (), source: str = "recipe") -> Recipe:
    """The recipe that the tables ``raw`` describe, with ``changes`` applied."""
    for change in changes:
        _apply(raw, change)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (given {e['input']!r})" for e in error.errors())
        raise UsageError(f"{source}: {wrong}") from error


def _apply(raw: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *tables, last = key.strip().split(".")
    if not equals or not last:
        raise UsageError(f"--set {change!r}: write key=value, such as optim.lr=1e-3")
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {change!r}: {name} is a value, not a table")
    table[last] = _value(text.strip())


def _value(text: str) -> Any:
    """``text`` as TOML, or as a plain string if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

"""The models that can be fetched by name: a table in ``catalogue.toml``, read on first use."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from unbraid.errors import UsageError
from unbraid.zoo.bag import Bag

LICENCE = "MIT"


@dataclass(frozen=True)
class Address:
    """A place for a file. sha256: of its bytes, or the beginning of that. size: in bytes, None where not known."""

    url: str
    sha256: str
    size: int | None = None

    @property
    def filename(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Weights:
    """One checkpoint: its signature, and where it lies, best place first. One of them is enough."""

    signature: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Entry:
    """A model by name.

    title: one line for the screen. stems: in the order of the output. files: its checkpoints; bag: how they are
    averaged. sdr_db: median SDR by stem and "overall" as published, on the test set ``sdr_on``; empty if unknown.
    musdb_test_seen: whether that test set was among the training data.
    """

    name: str
    title: str
    stems: tuple[str, ...]
    files: tuple[Weights, ...]
    bag: Bag
    sdr_db: dict[str, float] = field(default_factory=dict)
    sdr_on: str = "MUSDB18-HQ"
    musdb_test_seen: bool = False
    licence: str = LICENCE

    @property
    def size(self) -> int | None:
        """Bytes to fetch from the first addresses, None if one is not known."""
        sizes = [next((each.size for each in file.addresses if each.size), None) for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size)


def names() -> tuple[str, ...]:
    """All names, in the order of the catalogue: newest first."""
    return tuple(_read()["model"])


def find(name: str) -> Entry:
    """The model called ``name``. Raises UsageError, with the names that are like it, or with what to do by hand."""
    table = _read()
    told = by_hand(name)
    if told is not None:
        raise UsageError(told)
    if name not in table["model"]:
        like = difflib.get_close_matches(name, table["model"], 3, 0.5) or list(table["model"])[:4]
        raise UsageError(f"no model is called {name!r}; did you mean {', '.join(like)}? `unbraid models` lists all")
    return _entry(name, table["model"][name], table)


def entries() -> tuple[Entry, ...]:
    """All models."""
    return tuple(find(name) for name in names())


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files("unbraid.zoo") / "catalogue.toml").read_text("utf-8"))


def _entry(name: str, row: dict[str, Any], table: dict[str, Any]) -> Entry:
    weights = row.get("weights")
    return Entry(
        name=name,
        title=row["title"],
        stems=tuple(row["stems"]),
        files=tuple(_weights(signature, table) for signature in row["files"]),
        bag=Bag(
            models=tuple(row["files"]),
            weights=None if weights is None else tuple(tuple(map(float, each)) for each in weights),
            segment_s=row.get("segment"),
        ),
        sdr_db=row.get("sdr", {}),
        sdr_on=row.get("on", "MUSDB18-HQ"),
        musdb_test_seen=row.get("musdb_test_seen", False),
    )


def by_hand(name: str) -> str | None:
    """What to do for a model that is known but not fetched; None for all others."""
    row = _read()["by_path"].get(name)
    if row is None:
        return None
    files = ", ".join(f"{file['name']} ({file['size']}) from {file['at']}" for file in row["files"])
    return (
        f"model {name!r} is not fetched by unbraid, since its authors publish no checksum; get {files} and give its "
        f"path instead of the name. Licence: {row['licence']}"
    )


def _weights(signature: str, table: dict[str, Any]) -> Weights:
    places = table["file"][signature]["at"]
    return Weights(
        signature,
        tuple(Address(table["host"][each["host"]] + each["path"], each["sha256"], each.get("size")) for each in places),
    )

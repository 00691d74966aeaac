"""The sounds that have a name: what each is a part of, and how people say it. The list is ``sounds.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LIST = Path(__file__).parent / "sounds.toml"
_FILLER = re.compile(
    r"^(?:please\s+|just\s+|only\s+|give me\s+|extract\s+|isolate\s+|i want\s+)*"
    r"(?:the\s+|an?\s+|some\s+|all\s+|any\s+|that\s+|this\s+|of\s+|sounds?\s+of\s+|parts?\s+of\s+)*"
)
_TAIL = re.compile(r"\s+(?:track|part|parts|sound|sounds|stem|please|only|alone|in the (?:song|mix|background))$")


@dataclass(frozen=True)
class Sound:
    """One sound. whole: the name of the sound it is a part of, None for the four stems.

    ways: other words for it. held_out: words kept apart from training. labels: names in training data only.
    """

    name: str
    whole: str | None
    ways: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """All that may be used in training: its name first."""
        return (self.name, *self.ways)


@cache
def sounds() -> dict[str, Sound]:
    """All of them by name."""
    raw = tomllib.loads(_LIST.read_text("utf-8"))
    return {
        name: Sound(name, each.get("in"), tuple(each["ways"]), tuple(each["held_out"]), tuple(each.get("labels", ())))
        for name, each in raw.items()
    }


@cache
def _by_words() -> dict[str, Sound]:
    """Each listed way of saying it, without filler, to its sound; a name is worth more than a way."""
    table: dict[str, Sound] = {}
    for sound in sounds().values():
        table.setdefault(plain(sound.name), sound)
    for sound in sounds().values():
        for way in sound.ways:
            table.setdefault(plain(way), sound)
    return table


def find(text: str) -> Sound | None:
    """The sound that ``text`` is a listed word for."""
    return _by_words().get(plain(text))


def of_label(label: str) -> Sound | None:
    """The sound that a studio's ``label`` stands for; None for a mix of sounds ("band")."""
    bare = label.removesuffix(" (lead)")
    for sound in sounds().values():
        if bare in sound.labels:
            return sound
    return find(bare)


def chain(sound: Sound) -> tuple[str, ...]:
    """The names of ``sound`` and of all that it is a part of, from the inside out."""
    names = [sound.name]
    while (whole := sounds()[names[-1]].whole) is not None:
        names.append(whole)
    return tuple(names)


def home(sound: Sound, stems: Container[str]) -> str | None:
    """The innermost of ``stems`` that holds ``sound``, itself included; None if none does."""
    return next((name for name in chain(sound) if name in stems), None)


def plain(text: str) -> str:
    """``text`` as it is looked up: lower case, no filler words, no punctuation at its ends, one space for any."""
    lowered = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    bare = _FILLER.sub("", lowered.strip(" .,;:!?\"'"), count=1)
    bare = _TAIL.sub("", bare).strip(" .,;:!?\"'")
    return bare.replace("-", " ") or lowered

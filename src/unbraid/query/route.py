"""What a text asks for, and who answers it: a fixed stem, a part of one, or the whole mix.

A text is taken apart ("everything but the drums and the harp" is a complement of two sounds). Each sound is looked
for in the list of sounds: by its words, else by the similarity of its vector to theirs. Of the separator's stems the
innermost that holds the sound decides: if it is the sound itself, the separator's own stem is the answer; if it holds
it, the sound is asked of that stem; if none does, of the mix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from unbraid.errors import UsageError
from unbraid.query.encoder import TableEncoder
from unbraid.query.sounds import Sound, find, home, plain, sounds
from unbraid.signal import Samples

Kind = Literal["stem", "part", "mix"]

SURE = 0.8
"""Similarity from which a text means a sound itself, so that a fixed stem answers."""
LIKELY = 0.55
"""Similarity from which a text belongs to the stem that the nearest sound belongs to."""
MOST_CHARACTERS = 2000
"""A longer text is one sound, not many: nobody lists sounds that long."""

_ALL = r"(?:everything|all|anything|every\s?thing else|the (?:whole )?(?:mix|song|track|music)|whole (?:mix|song))"
_BUT = r"(?:but|except(?:\s+for)?|without|minus|apart from|other than|excluding|less|besides)"
_COMPLEMENT = re.compile(rf"^(?:{_ALL}\s+(?:else\s+)?{_BUT}|no|without)\s+(?P<sounds>\S.*)$", re.DOTALL)
_INSTRUMENTAL = {"instrumental", "instrumental version", "instrumentals", "karaoke", "karaoke version", "backing"}
_SPLIT = re.compile(r"\s*(?:[,;+&/]|\band\b|\bplus\b|\bas well as\b)\s*")


@dataclass(frozen=True)
class Term:
    """One sound of a text. kind: who answers. stem: the stem, or the stem it is asked of; None for the mix.

    sound: the listed sound it was understood as, None if none is near. score: how near, 1 for a listed word.
    """

    text: str
    kind: Kind
    stem: str | None = None
    sound: str | None = None
    score: float = 0.0


@dataclass(frozen=True)
class Route:
    """What is done with a text. kind, stem: those of its term, "sum" and None if it has several.

    without: the answer is the mix minus the terms. notes: what the listener should know.
    """

    text: str
    terms: tuple[Term, ...]
    without: bool = False
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["stem", "part", "mix", "sum"]:
        return self.terms[0].kind if len(self.terms) == 1 else "sum"

    @property
    def stem(self) -> str | None:
        return self.terms[0].stem if len(self.terms) == 1 else None

    def describe(self) -> str:
        """For the screen."""
        said = [
            {"stem": f"the stem {term.stem}", "part": f"asked of {term.stem}", "mix": "asked of the mix"}[term.kind]
            for term in self.terms
        ]
        joined = " + ".join(dict.fromkeys(said))
        return f"the mix without: {joined}" if self.without else joined

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "stem": self.stem,
            "without": self.without,
            "terms": [
                {"text": t.text, "kind": t.kind, "stem": t.stem, "sound": t.sound, "score": round(t.score, 3)}
                for t in self.terms
            ],
        }


def route(text: str, stems: Sequence[str], encoder: TableEncoder | None = None) -> Route:
    """The way of ``text`` through a separator with ``stems``. Raises UsageError for a text that names nothing."""
    table = encoder or _bundled()
    names, without = taken_apart(text)
    terms = _merged([_term(name, stems, table) for name in names])
    return Route(text, terms, without, tuple(_notes(text, terms, table)))


def route_without(text: str, stems: Sequence[str], encoder: TableEncoder | None = None) -> Route:
    """The way of the mix without ``text``; without "everything but the drums" are the drums."""
    found = route(text, stems, encoder)
    return Route(text, found.terms, not found.without, found.notes)


def taken_apart(text: str) -> tuple[list[str], bool]:
    """The sounds that ``text`` names, each as it was written, and whether they are to be left out."""
    if not text.strip():
        raise UsageError("an empty text names no sound; say what to look for")
    lowered = " ".join(text.casefold().split()).strip(" .!?\"'")
    if len(lowered) > MOST_CHARACTERS or find(lowered) is not None:
        return [text.strip()], False
    if plain(lowered) in _INSTRUMENTAL:
        return ["vocals"], True
    complement = _COMPLEMENT.match(lowered)
    named = complement["sounds"] if complement else lowered
    if find(named) is not None:
        return [named], complement is not None
    parts = [part for part in _SPLIT.split(named) if part.strip()]
    return list(dict.fromkeys(parts)) or [named], complement is not None


def nearest(text: str, encoder: TableEncoder | None = None) -> tuple[Sound, float]:
    """The listed sound that ``text`` is most similar to, and the similarity, at most 1 (a listed word has 1)."""
    known = find(text)
    if known is not None:
        return known, 1.0
    table = encoder or _bundled()
    owners, vectors = _known(table)
    similar = vectors @ table.encode([plain(text)])[0]
    best = int(similar.argmax())
    return owners[best], min(float(similar[best]), 0.999)


def _term(text: str, stems: Sequence[str], table: TableEncoder) -> Term:
    sound, score = nearest(text, table)
    if score < LIKELY:
        return Term(text, "mix", None, None, score)
    whole = home(sound, stems)
    if whole is None:
        return Term(text, "mix", None, sound.name, score)
    return Term(text, "stem" if whole == sound.name and score >= SURE else "part", whole, sound.name, score)


def _merged(terms: Sequence[Term]) -> tuple[Term, ...]:
    """No stem twice, nothing beside the stem that holds it, and one question for all that is asked of one stem.

    Two masks of one stem may overlap, so their sum could be more than the stem; one mask for both cannot.
    """
    whole = {term.stem: term for term in terms if term.kind == "stem"}
    asked: dict[str | None, list[Term]] = {}
    for term in terms:
        if term.kind != "stem" and term.stem not in whole:
            asked.setdefault(term.stem, []).append(term)
    joined = [group[0] if len(group) == 1 else _joined(group) for group in asked.values()]
    return (*whole.values(), *joined)


def _joined(group: Sequence[Term]) -> Term:
    names = [term.sound for term in group if term.sound is not None]
    return Term(
        " and ".join(term.text for term in group),
        group[0].kind,
        group[0].stem,
        " + ".join(names) or None,
        min(term.score for term in group),
    )


def _notes(text: str, terms: Sequence[Term], table: TableEncoder) -> list[str]:
    notes = []
    unknown = table.unknown(text)
    if unknown:
        shown = ", ".join(word[:20] for word in unknown[:5])
        notes.append(f"words that unbraid does not know were passed over: {shown}")
    if table.is_cut(text):
        notes.append("the text is long; only its beginning was read")
    for term in terms:
        if term.score < LIKELY:
            sound, score = nearest(term.text, table)
            shown = term.text if len(term.text) <= 60 else f"{term.text[:57]}..."
            notes.append(
                f"{shown!r} is like no sound that unbraid knows by name (nearest: {sound.name}, {score:.2f}); "
                "this is a best guess; --list-sounds says what can be heard"
            )
    return notes


@cache
def _bundled() -> TableEncoder:
    return TableEncoder()


@cache
def _known(table: TableEncoder) -> tuple[list[Sound], Samples]:
    """Every listed way of saying every sound: its sound, and its vector."""
    said = [(sound, plain(way)) for sound in sounds().values() for way in sound.said]
    vectors = np.ascontiguousarray(table.encode([way for _, way in said]))
    return [sound for sound, _ in said], vectors

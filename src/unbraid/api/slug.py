"""Names for asked sounds: file names made of what the user wrote."""

from __future__ import annotations

import unicodedata
from collections.abc import Container

_LONGEST = 60


def slug(text: str) -> str:
    """``text`` in lower case with "_" for all that is no letter or digit: "The harp!" becomes "the_harp"."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in plain).split()
    return "_".join(words)[:_LONGEST].rstrip("_") or "sound"


def unused(name: str, taken: Container[str]) -> str:
    """``name``; where a stem has that name already, with "_asked" behind it, and a number if need be."""
    if name not in taken:
        return name
    name, number = f"{name}_asked", 2
    candidate = name
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate

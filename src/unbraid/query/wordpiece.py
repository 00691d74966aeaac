"""Texts to token numbers: WordPiece, as BERT's uncased models use it, without a package for it.

Devlin et al. 2019, section 3, and Schuster & Nakajima 2012: text is lower-cased, accents are dropped, words are split
at white space, at punctuation and around every Chinese character; then a word is cut from its left into the longest
pieces that the vocabulary has, pieces after the first being written with "##" before them. A word that cannot be cut
is unknown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

UNKNOWN = "[UNK]"
LONGEST_WORD = 100
"""Characters; longer words are unknown, as in the original."""

# CJK ideographs, of which each is a word of its own.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def words(text: str) -> list[str]:
    """The words of ``text``, lower-cased and without accents; punctuation marks are words of their own."""
    plain = unicodedata.normalize("NFD", text.lower())
    found: list[str] = []
    current = ""
    for character in plain:
        kind = unicodedata.category(character)
        if kind == "Mn" or character in "\0\ufffd" or (kind.startswith("C") and character not in "\t\n\r"):
            continue
        alone = _is_punctuation(character, kind) or _is_ideograph(character)
        if (character.isspace() or alone) and current:
            found.append(current)
            current = ""
        if alone:
            found.append(character)
        elif not character.isspace():
            current += character
    return [*found, current] if current else found


def pieces(word: str, vocabulary: Mapping[str, int]) -> Iterator[int]:
    """The numbers of the pieces of one word of :func:`words`; those of the unknown token if it has none."""
    if len(word) > LONGEST_WORD:
        yield vocabulary[UNKNOWN]
        return
    found, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for stop in range(len(word), start, -1):
            number = vocabulary.get(prefix + word[start:stop])
            if number is not None:
                break
        else:
            yield vocabulary[UNKNOWN]
            return
        found.append(number)
        start = stop
    yield from found


def _is_punctuation(character: str, kind: str) -> bool:
    ascii_mark = character.isascii() and not character.isalnum() and not character.isspace() and character.isprintable()
    return ascii_mark or kind.startswith("P")


def _is_ideograph(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _IDEOGRAPHS)

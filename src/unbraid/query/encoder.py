"""Texts as vectors: what every encoder of words promises, and the one in the package.

The bundled encoder is a table with a vector for each token, distilled from all-MiniLM-L6-v2 (a sentence encoder of six
transformer layers) and tuned on names of sounds; see :mod:`unbraid.train.words`. A text's vector is the sum of its
tokens' vectors, scaled to length one. No net runs, so a text costs next to nothing, and the same text gives the same
bits everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from unbraid.errors import ModelError, UsageError
from unbraid.query.wordpiece import UNKNOWN, pieces, words
from unbraid.signal import Samples

TABLE = Path(__file__).parent / "table"
MOST_WORDS = 64
"""A text is cut after so many words; what names a sound is far shorter."""


class TextEncoder(Protocol):
    """Makes queries of texts; deterministic."""

    @property
    def size(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Samples:
        """``float32[query, size]``, each row of length one. Raises UsageError for a text that names nothing."""
        ...


class TableEncoder:
    """The encoder whose table lies in ``folder``: ``vocabulary.txt`` and ``table.safetensors``.

    The latter holds ``rows``, int8 ``[token, size]``, and ``scale``, float32 ``[token]``, which carries a token's
    weight. Read at first use. Raises ModelError there if the two do not belong together.
    """

    def __init__(self, folder: Path = TABLE) -> None:
        self._folder = folder

    @property
    def size(self) -> int:
        return int(self._table[0].shape[1])

    def encode(self, texts: Sequence[str]) -> Samples:
        """As :class:`TextEncoder`. Words that the table does not know do not count; see :meth:`unknown`."""
        answer = np.zeros((len(texts), self.size), np.float32)
        rows, scale = self._table
        for row, text in enumerate(texts):
            found = self.tokens(text)
            if not found:
                raise UsageError(_nothing(text))
            total = scale[found] @ rows[found].astype(np.float32)
            length = float(np.sqrt(np.square(total, dtype=np.float64).sum()))
            if length < 1e-6:
                raise UsageError(_nothing(text))
            answer[row] = total / np.float32(length)
        return answer

    def tokens(self, text: str) -> list[int]:
        """The numbers of the known tokens in the first ``MOST_WORDS`` words of ``text``, punctuation left out."""
        unknown = self._vocabulary[UNKNOWN]
        found = [number for word in self._words(text) for number in pieces(word, self._vocabulary) if number != unknown]
        return found

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of ``text`` that the table does not know (emoji, scripts that it has no pieces of)."""
        unknown = self._vocabulary[UNKNOWN]
        return tuple(
            dict.fromkeys(word for word in self._words(text) if unknown in set(pieces(word, self._vocabulary)))
        )

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` has more words than are read."""
        return len(_spoken(text)) > MOST_WORDS

    def _words(self, text: str) -> list[str]:
        return _spoken(text)[:MOST_WORDS]

    @cached_property
    def _vocabulary(self) -> Mapping[str, int]:
        try:
            lines = (self._folder / "vocabulary.txt").read_text("utf-8").split("\n")
        except OSError as error:
            raise ModelError(f"{self._folder}: the table of words cannot be read ({error.strerror})") from error
        return {token: number for number, token in enumerate(lines) if token}

    @cached_property
    def _table(self) -> tuple[NDArray[np.int8], Samples]:
        path = self._folder / "table.safetensors"
        try:
            held = load_file(path)
            rows, scale = held["rows"], held["scale"]
        except Exception as error:  # safetensors raises a class of its own
            raise ModelError(f"{path}: the table of words cannot be read ({error})") from error
        if rows.dtype != np.int8 or rows.shape != (len(self._vocabulary), rows.shape[1]) or len(scale) != len(rows):
            raise ModelError(f"{path}: has {rows.shape} rows for {len(self._vocabulary)} words")
        return rows, scale.astype(np.float32)


def _spoken(text: str) -> list[str]:
    """The words of ``text`` without punctuation marks; no more of it is looked at than could matter."""
    return [word for word in words(text[:20_000]) if len(word) > 1 or word.isalnum() or not word.isascii()]


def _nothing(text: str) -> str:
    if not text.strip():
        return "an empty text names no sound; say what to look for"
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return f'{shown!r} has no word that unbraid knows; name the sound in English, for example "acoustic guitar"'

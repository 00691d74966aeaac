"""Which songs may use which material: sources are held out whole, so a test song never sounds like a training one.

A named source (font, kit) has its split in the tables of ``assets``. A file among many (MIDI, an accompaniment style)
gets it from a hash of its name. Material that is computed (our own synthesisers, patterns) has no split.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

_TEST_SHARE, _VALID_SHARE = 15, 8  # percent of files

# Of 25 songs in a row, three are for test and two for validation: held-out songs exist from the first minutes on.
_ROUND = 25
_TEST_PLACES, _VALID_PLACES = (4, 12, 20), (8, 16)


def split_of_file(name: str) -> Split:
    """The split of one of many files, by the SHA-1 of its name, so that it never changes when files are added."""
    number = int.from_bytes(hashlib.sha1(name.encode("utf-8"), usedforsecurity=False).digest()[:4], "big") % 100
    return "test" if number < _TEST_SHARE else "valid" if number < _TEST_SHARE + _VALID_SHARE else "train"


def split_of_song(number: int) -> Split:
    """The split of the song with this number: 80 % train, 8 % valid, 12 % test, interleaved."""
    place = number % _ROUND
    return "test" if place in _TEST_PLACES else "valid" if place in _VALID_PLACES else "train"

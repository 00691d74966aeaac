"""Which file name means which stem: a table of patterns, the user's own or the usual one.

As TOML, a table ``[stems]`` of stem = patterns; a stem written as a sum names files that hold several::

    [stems]
    vocals = ["lead*", "choir"]
    drums = ["kit", "perc*"]
    "drums+bass+other" = ["backing"]
    mixture = ["master"]
    other = ["*"]

On the command line the same in one word: ``vocals=lead*|choir,drums=kit|perc*,other=*``. The first pattern that
matches decides. Names are compared in lower case without the file's suffix, ``_`` and ``-`` taken as spaces.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from unbraid.errors import UsageError

MIXTURE = frozenset(["mixture"])


@dataclass(frozen=True)
class Naming:
    """Pattern -> stems, in order; the set ``{"mixture"}`` stands for the whole song."""

    patterns: tuple[tuple[str, frozenset[str]], ...]

    def stems_of(self, name: str) -> frozenset[str] | None:
        """The stems that a file called ``name`` (without suffix) holds, None if no pattern matches."""
        plain = _plain(name)
        return next((stems for pattern, stems in self.patterns if fnmatchcase(plain, pattern)), None)


def naming_from(table: Mapping[str, str | Iterable[str]]) -> Naming:
    """A naming from stem -> patterns; a key may be a sum such as "drums+bass"."""
    pairs = []
    for key, given in table.items():
        stems = frozenset(stem.strip() for stem in key.split("+"))
        if not all(stems) or ("mixture" in stems and len(stems) > 1):
            raise UsageError(f"{key!r} is no stem; write a name, a sum such as drums+bass, or mixture")
        patterns = [given] if isinstance(given, str) else list(given)
        pairs += [(_plain(pattern), stems) for pattern in patterns]
    return Naming(tuple(pairs))


def read_naming(given: str) -> Naming:
    """The naming in the TOML file ``given``, or written out in ``given``; UsageError says what cannot be read."""
    if "=" in given:
        pairs = (entry.partition("=") for entry in given.split(",") if entry.strip())
        return naming_from({key.strip(): patterns.strip().split("|") for key, _, patterns in pairs})
    try:
        table = tomllib.loads(Path(given).read_text("utf-8"))["stems"]
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{given}: {error}; give a TOML file, or write vocals=lead*|choir,drums=kit") from error
    except KeyError as error:
        raise UsageError(f"{given}: has no table [stems] of stem = patterns") from error
    wrong = [key for key, value in table.items() if not isinstance(value, str | list)]
    if wrong:
        raise UsageError(f"{given}: stems.{wrong[0]} must be a pattern or a list of patterns")
    return naming_from(table)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.lower()).strip()


USUAL = naming_from(
    {
        "mixture": ("mixture", "mix"),
        "drums+bass+other": ("accompaniment", "instrumental", "no vocals", "backing track"),
        "vocals": ("vocals", "vocal", "voice", "vox", "lead vocals", "lead vocal", "backing vocals", "backing vocal"),
        "drums": ("drums", "drum", "drum kit", "drumkit", "kick", "snare", "hihat", "toms", "cymbals"),
        "bass": ("bass", "bass guitar", "electric bass", "synth bass"),
        "other": ("other", "guitar*", "piano", "keys", "keyboard*", "synth", "synths", "strings", "brass"),
    }
)
"""What MUSDB18-HQ calls its files, and a few more names that leave no doubt."""

"""Which files are songs, and where their stems go."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unbraid.errors import AudioError, UsageError

_SOUND = re.compile(
    r"\.(wave?|rf64|w64|flac|mp[23]|og[ga]|opus|m4[abv]|aac|aif[fc]?|wma|wv|ape|caf|ac3|alac|amr|tta"
    r"|mp4|mov|mkv|mka|webm|avi|mpg|mpeg|3gp)",
    re.IGNORECASE,
)
_FIELDS = {"model", "track", "stem", "ext"}
_LONGEST_NAME = 255
"""Bytes; the limit of nearly every file system."""


def find_songs(given: Iterable[Path]) -> list[Path]:
    """The songs among files and folders, folders gone through in order of name.

    A file is taken whatever its suffix: the user named it. A missing one is taken too, so that it is reported in its
    turn. Raises AudioError for a folder in which no file looks like audio.
    """
    songs: list[Path] = []
    for path in given:
        if not path.is_dir():
            songs.append(path)
            continue
        found = list(_sounds(path))
        if not found:
            raise AudioError(f"{path}: no file in this folder looks like audio")
        songs += found
    return list(dict.fromkeys(songs))


def _sounds(folder: Path) -> Iterator[Path]:
    """The files below ``folder`` that look like audio, in order; hidden ones are left out."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _sounds(entry)
        elif _SOUND.fullmatch(entry.suffix):
            yield entry


def track_names(songs: Sequence[Path]) -> list[str]:
    """A name for each song, all different: the file's, with the parent folder's before it where two are equal."""
    plain = [_stem_of(song) for song in songs]
    often = Counter(name.casefold() for name in plain)
    names = [
        f"{song.resolve().parent.name} - {name}" if often[name.casefold()] > 1 else name
        for song, name in zip(songs, plain, strict=True)
    ]
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name.casefold()] += 1
        unique.append(name if seen[name.casefold()] == 1 else f"{name} ({seen[name.casefold()]})")
    return unique


def _stem_of(song: Path) -> str:
    name = song.name.removesuffix(".stem.mp4") if song.name.endswith(".stem.mp4") else song.stem
    return name.strip().rstrip(".") or "song"


def check_template(template: str) -> str:
    """``template`` if it can be filled in for every stem; raises UsageError."""
    try:
        found = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise UsageError(f"the file name template {template!r} cannot be read: {error}") from error
    if not found <= _FIELDS or "stem" not in found:
        allowed = ", ".join(f"{{{name}}}" for name in sorted(_FIELDS))
        raise UsageError(f"the file name template is {template!r}; it needs {{stem}} and may use {allowed}")
    if Path(template).is_absolute() or ".." in Path(template).parts:
        raise UsageError(f"the file name template is {template!r}; it must stay inside the output folder")
    return template


def stem_path(template: str, model: str, track: str, stem: str, ext: str) -> Path:
    """Where a stem goes, below the output folder; no part is longer than a file system takes."""
    safe = {"model": _safe(model), "track": _safe(track), "stem": _safe(stem), "ext": ext}
    path = Path(template.format(**safe))
    return Path(*(_fitting(part, f".{ext}" if part == path.name else "") for part in path.parts))


def _safe(text: str) -> str:
    """``text`` as one part of a path."""
    kept = "".join("_" if character in "/\\\0" or ord(character) < 32 else character for character in text)
    return kept if kept.strip(". ") else "_"


def _fitting(part: str, suffix: str) -> str:
    """``part`` cut to the longest name allowed, its suffix kept, never in the middle of a character."""
    if len(part.encode()) <= _LONGEST_NAME:
        return part
    body = part.removesuffix(suffix).encode()[: _LONGEST_NAME - len(suffix.encode())]
    return body.decode(errors="ignore") + suffix

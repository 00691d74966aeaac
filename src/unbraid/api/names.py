"""Which files are songs, and where their stems go."""

from __future__ import annotations

import os
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from unbraid.api.manifest import NAME
from unbraid.errors import AudioError, UsageError

_SOUND = re.compile(
    r"\.(wave?|rf64|w64|flac|mp[23]|og[ga]|opus|m4[abv]|aac|aif[fc]?|wma|wv|ape|caf|ac3|alac|amr|tta"
    r"|mp4|mov|mkv|mka|webm|avi|mpg|mpeg|3gp)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # longer than a drive's letter
PLAYLISTS = (".m3u", ".m3u8")
_FIELDS = {"model", "track", "stem", "ext"}
_LONGEST_NAME = 255
"""Bytes; the limit of nearly every file system."""
_ROOM = 200
"""Bytes of a name that a number is put behind."""


def find_songs(
    given: Iterable[Path], out: Path | None = None, on_closed: Callable[[AudioError], None] | None = None
) -> list[Path]:
    """The songs among files and folders, folders gone through in order of name.

    A file is taken whatever its suffix: the user named it. A missing one is taken too, so that it is reported in its
    turn. What a folder holds of results, ``out`` and folders with a manifest in them, is passed over: stems are no
    songs. Raises AudioError for a folder in which no file looks like audio, for what cannot be looked at, and for what
    is no file at all; a folder within that cannot be read is passed over if ``on_closed`` is to hear of it.
    """
    songs: list[Path] = []
    for path in given:
        _check_place(path)
        try:
            folder = path.is_dir()
        except OSError as error:
            raise _closed(path, error) from error
        found = list(_sounds(path, None if out is None else out.resolve(), on_closed)) if folder else [path]
        if not found:
            raise AudioError(f"{path}: no file in this folder looks like audio")
        songs += found
    return list(dict.fromkeys(songs))


def _check_place(path: Path) -> None:
    """Raises AudioError for what users take for a song's place and is none."""
    if _ADDRESS.match(str(path)):  # whose second slash is gone by now
        raise AudioError(f"{path}: addresses are not fetched; download the song and give the file")
    if path == Path("-") and not path.exists():
        raise AudioError("-: sound is not read from standard input; give a file (a list of songs: --songs-from -)")
    if path.suffix.lower() in PLAYLISTS:
        raise AudioError(f"{path}: is a playlist; give it with --songs-from")


def _closed(path: Path, error: OSError) -> AudioError:
    return AudioError(f"{path}: cannot be looked at ({error.strerror})")


def _sounds(folder: Path, out: Path | None, on_closed: Callable[[AudioError], None] | None) -> Iterator[Path]:
    """The files below ``folder`` that look like audio, in order; hidden ones and results are left out."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        if on_closed is None:
            raise _closed(folder, error) from error
        on_closed(_closed(folder, error))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            if entry.resolve() != out and not _holds_results(entry):
                yield from _sounds(entry, out, on_closed)
        elif _SOUND.fullmatch(entry.suffix) and entry.is_file():  # a pipe of that name would be waited for
            yield entry


def _holds_results(folder: Path) -> bool:
    try:
        return (folder / NAME).exists()
    except OSError:  # told when it is gone through
        return False


def sounds_beside(written: Iterable[Path]) -> list[Path]:
    """Sound files in the folders of ``written`` that are none of them, by name."""
    ours = set(written)
    beside = (entry for folder in sorted({path.parent for path in ours}) for entry in sorted(folder.iterdir()))
    return [entry for entry in beside if entry not in ours and _SOUND.fullmatch(entry.suffix)]


def track_names(songs: Sequence[Path]) -> list[str]:
    """A name for each song, all different: the file's, with the parent folder's before it where two are equal."""
    plain = [_stem_of(song) for song in songs]
    often = Counter(name.casefold() for name in plain)
    names = [
        f"{song.resolve().parent.name} - {name}" if often[name.casefold()] > 1 else name
        for song, name in zip(songs, plain, strict=True)
    ]
    unique: list[str] = []
    taken: set[str] = set()
    for name in names:
        tries = (name if number == 1 else f"{_cut(name, _ROOM)} ({number})" for number in count(1))
        unique.append(next(each for each in tries if _on_disk(each) not in taken))
        taken.add(_on_disk(unique[-1]))
    return unique


def _on_disk(track: str) -> str:
    """What two names of tracks may not share: some file systems see no difference of case."""
    return _cut(_safe(track), _LONGEST_NAME).casefold()


def _stem_of(song: Path) -> str:
    name = song.name.removesuffix(".stem.mp4") if song.name.endswith(".stem.mp4") else song.stem
    return name.strip().rstrip(".") or "song"


def check_template(template: str) -> str:
    """``template`` if it can be filled in for every stem; raises UsageError."""
    try:
        fields = [each for each in string.Formatter().parse(template) if each[1] is not None]
    except ValueError as error:
        raise UsageError(f"the file name template {template!r} cannot be read: {error}") from error
    found, plain = {name for _, name, _, _ in fields}, not any(form or change for _, _, form, change in fields)
    if not found <= _FIELDS or "stem" not in found or not plain:
        allowed = ", ".join(f"{{{name}}}" for name in sorted(_FIELDS))
        raise UsageError(f"the file name template is {template!r}; it needs {{stem}} and may use {allowed}")
    if Path(template).is_absolute() or ".." in Path(template).parts:
        raise UsageError(f"the file name template is {template!r}; it must stay inside the output folder")
    return template


def check_apart(places: Iterable[Path], songs: Sequence[Path], template: str) -> None:
    """``places`` of one stem of each song; raises UsageError if two songs would be written to one."""
    first: dict[str, Path] = {}
    for place, song in zip(places, songs, strict=True):
        other = first.setdefault(str(place).casefold(), song)
        if other is not song:
            raise UsageError(
                f"the file name template {template!r} would write {song} over {other}; put {{track}} into it"
            )


def stem_path(template: str, model: str, track: str, stem: str, ext: str) -> Path:
    """Where a stem goes, below the output folder; no part is longer than a file system takes."""
    safe = {"model": _safe(model), "track": _safe(track), "stem": _safe(stem), "ext": ext}
    path = Path(template.format(**safe))
    beyond = max(len(os.fsencode(part)) for part in path.parts) - _LONGEST_NAME
    if beyond > 0:  # the track gives way first: stems must stay apart
        safe["track"] = _cut(safe["track"], len(os.fsencode(safe["track"])) - beyond) or "_"
        path = Path(template.format(**safe))
    return Path(*(_fitting(part, f".{ext}" if part == path.name else "") for part in path.parts))


def name_beside(track: str, suffix: str) -> str:
    """Of a file that is about the track as a whole, where songs share a folder."""
    return _cut(_safe(track), _LONGEST_NAME - len(os.fsencode(suffix))) + suffix


def _safe(text: str) -> str:
    """``text`` as one part of a path."""
    kept = "".join("_" if character in "/\\\0" or ord(character) < 32 else character for character in text)
    return kept if kept.strip(". ") else "_"


def _fitting(part: str, suffix: str) -> str:
    """``part`` cut to the longest name allowed, its suffix kept, never in the middle of a character."""
    if len(os.fsencode(part)) <= _LONGEST_NAME:
        return part
    return _cut(part.removesuffix(suffix), _LONGEST_NAME - len(os.fsencode(suffix))) + suffix


def _cut(text: str, most: int) -> str:
    """As much of the beginning of ``text`` as ``most`` bytes hold."""
    while len(os.fsencode(text)) > max(most, 0):
        text = text[:-1]
    return text

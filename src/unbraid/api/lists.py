"""Songs by list: a text file with one on each line, or a playlist."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from unbraid.api.names import PLAYLISTS
from unbraid.errors import UsageError

_OTHERS = (".pls", ".xspf", ".wpl", ".asx", ".cue")
_KINDS = "it must be a text file with a song on each line, or a playlist (.m3u, .m3u8)"
STANDARD_INPUT = Path("-")


def songs_listed(listed: Path) -> list[Path]:
    """What ``listed`` names: a file or a folder a line, or, from ``find -print0``, between zero bytes.

    ``-`` is standard input. Paths in a playlist (.m3u, .m3u8) go from its own folder, all others from the current one.
    Raises UsageError if it cannot be read or names nothing.
    """
    playlist = listed.suffix.lower() in PLAYLISTS
    if listed.suffix.lower() in _OTHERS:
        raise UsageError(f"{listed}: is a list of a kind that is not read; {_KINDS}")
    try:
        raw = _standard_input() if listed == STANDARD_INPUT else listed.read_bytes()
    except OSError as error:
        raise UsageError(f"{listed}: no list of songs can be read there ({error.strerror})") from error
    text = _text(raw)
    zeros = "\0" in text
    lines = text.removesuffix("\0").split("\0") if zeros else [line.removesuffix("\r") for line in text.split("\n")]
    if zeros and not all(lines):
        raise UsageError(f"{listed}: is no list of songs, but something binary; {_KINDS}")
    names = [line for line in lines if line.strip() and not (playlist and line.startswith("#"))]
    if not names:
        raise UsageError(f"{listed}: names no song; it needs one on each line")
    return [listed.parent / name if playlist else Path(name) for name in names]


def _standard_input() -> bytes:
    if sys.stdin is None:  # closed by whoever called us
        raise UsageError("there is no standard input to read a list of songs from")
    return sys.stdin.buffer.read()


def _text(raw: bytes) -> str:
    """Names as they are on the disk, which need not be text; PowerShell writes UTF-16."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "surrogatepass")
    return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")

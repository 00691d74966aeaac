"""Songs by list: a text file with one on each line, or a playlist."""

from __future__ import annotations

import sys
from pathlib import Path

from unbraid.errors import UsageError

_PLAYLISTS = (".m3u", ".m3u8")
STANDARD_INPUT = Path("-")


def songs_listed(listed: Path) -> list[Path]:
    """What ``listed`` names: a file or a folder a line, or, from ``find -print0``, between zero bytes.

    ``-`` is standard input. Paths in a playlist (.m3u, .m3u8) go from its own folder, all others from the current one.
    Raises UsageError if it cannot be read or names nothing.
    """
    playlist = listed.suffix.lower() in _PLAYLISTS
    try:
        raw = sys.stdin.buffer.read() if listed == STANDARD_INPUT else listed.read_bytes()
    except OSError as error:
        raise UsageError(f"{listed}: no list of songs can be read there ({error.strerror})") from error
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")  # names need not be text
    lines = text.split("\0") if "\0" in text else [line.removesuffix("\r") for line in text.split("\n")]
    names = [line for line in lines if line.strip() and not (playlist and line.startswith("#"))]
    if not names:
        raise UsageError(f"{listed}: names no song; it needs one on each line")
    return [listed.parent / name if playlist else Path(name) for name in names]

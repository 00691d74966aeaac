"""How file names and moments are put into a message, so that it stays one printable line."""

from __future__ import annotations

from os import PathLike, fspath


def shown(path: str | PathLike[str]) -> str:
    """The file's name as it can be printed anywhere: line breaks, controls and undecodable bytes are escaped."""
    text = fspath(path)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in text
    )


def clock(seconds: float) -> str:
    """``83.44`` as ``1:23.4``."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"

"""An ID3v2.4 tag, for the ``id3 `` chunk of WAV files (https://id3.org/id3v2.4.0-frames)."""

from __future__ import annotations

from unbraid.audio.tags import Tags

_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "album_artist": "TPE2",
    "track": "TRCK",
    "disc": "TPOS",
    "date": "TDRC",
    "genre": "TCON",
    "composer": "TCOM",
    "bpm": "TBPM",
    "initialkey": "TKEY",
    "isrc": "TSRC",
    "publisher": "TPUB",
    "copyright": "TCOP",
}
_WITH_LANGUAGE = {"comment": "COMM", "lyrics": "USLT"}
_UTF8, _FRONT_COVER = b"\x03", b"\x03"


def id3_tag(tags: Tags) -> bytes:
    """The whole tag; empty if there is nothing to tell."""
    frames = [_text_frame(name, value) for name, value in tags.values.items()]
    if tags.cover:
        head = _UTF8 + tags.cover.mime.encode("ascii") + b"\0" + _FRONT_COVER + b"\0"
        frames.append(_frame("APIC", head + tags.cover.data))
    body = b"".join(frames)
    return b"ID3\x04\x00\x00" + _synchsafe(len(body)) + body if body else b""


def _text_frame(name: str, value: str) -> bytes:
    text = value.encode("utf-8", "replace")
    if name in _FRAMES:
        return _frame(_FRAMES[name], _UTF8 + text)
    if name in _WITH_LANGUAGE:
        return _frame(_WITH_LANGUAGE[name], _UTF8 + b"XXX" + b"\0" + text)
    return _frame("TXXX", _UTF8 + name.encode("utf-8", "replace") + b"\0" + text)


def _frame(kind: str, body: bytes) -> bytes:
    return kind.encode("ascii") + _synchsafe(len(body)) + b"\0\0" + body


def _synchsafe(number: int) -> bytes:
    """28 bits in four bytes whose highest bit is zero."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))

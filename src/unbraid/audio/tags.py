"""Title, artist, cover and the like, from any container to any other.

Names are those of FFmpeg (title, artist, album, album_artist, track, disc, date, genre, composer, comment, ...), in
lower case; its readers and writers translate them from and to each format. The table below fills their holes.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import av
from av.container import InputContainer

from unbraid.audio.container import audio_stream, open_container, open_file
from unbraid.audio.cover import Cover, cover_of

_KNOWN_AS = {
    "tbpm": "bpm",
    "tmpo": "bpm",
    "tkey": "initialkey",
    "tsrc": "isrc",
    "uslt": "lyrics",
    "unsyncedlyrics": "lyrics",
    "year": "date",
    "albumartist": "album_artist",
    "tracknumber": "track",
    "discnumber": "disc",
}
_WRITTEN_AS: dict[str, dict[str, str]] = {
    "mp3": {"bpm": "TBPM", "initialkey": "TKEY", "isrc": "TSRC"},
    "m4a": {"bpm": "tmpo"},
}

_TOTALS = {"track": ("tracktotal", "totaltracks"), "disc": ("disctotal", "totaldiscs")}
"""Comments of their own in Vorbis, FLAC and Opus; elsewhere they stand behind the number: 3/12."""

_OF_THE_FILE = {
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "creation_time",
    "handler_name",
    "vendor_id",
    "language",
    "duration",
    "bps",
    "number_of_frames",
    "number_of_bytes",
    "itunsmpb",
    "itunnorm",
    "itunpgap",
    "metadata_block_picture",
    "coverart",
    "cuesheet",
    "acoustid_fingerprint",
    "waveformatextensible_channel_mask",
    "time_reference",
    "umid",
    "coding_history",
    "originator",
    "originator_reference",
}
_OF_THE_FILE_PREFIXES = ("replaygain_", "r128_", "id3v2_priv", "_statistics", "itun_", "loudness")
"""What is true of that one file and would be false of a stem: its length, loudness, encoder, fingerprint."""


@dataclass(frozen=True)
class Tags:
    """values: name -> text. cover: the front cover, or None."""

    values: Mapping[str, str] = field(default_factory=dict)
    cover: Cover | None = None

    def named_for(self, format: str) -> dict[str, str]:
        """The values under the names that FFmpeg's writer of ``format`` wants."""
        names = _WRITTEN_AS.get(format, {})
        values = dict(self.values)
        for number, totals in _TOTALS.items() if format in _WRITTEN_AS else ():
            said = [values.pop(total) for total in totals if total in values]
            if said and number in values and "/" not in values[number]:
                values[number] += f"/{said[0]}"
        return {names.get(name, name): value for name, value in values.items()}

    def vorbis_comments(self) -> list[tuple[str, str]]:
        """As Vorbis and Opus files have them, the cover in base64 (METADATA_BLOCK_PICTURE)."""
        renamed = {"track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST"}
        comments = [(renamed.get(name, name.upper()), value) for name, value in self.values.items()]
        comments = [(name, value) for name, value in comments if _is_comment_name(name)]
        if self.cover:
            comments.append(("METADATA_BLOCK_PICTURE", base64.b64encode(self.cover.flac_block()).decode("ascii")))
        return comments


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """The tags of a sound file. Raises AudioError if it is none."""
    with open_file(path) as file, open_container(file, path, {}) as container:
        found = {**audio_stream(container).metadata, **container.metadata}
        values: dict[str, str] = {}
        for name, value in found.items():
            name = name.lower()
            name = "lyrics" if name.startswith("lyrics-") else _KNOWN_AS.get(name, name)
            text = _text(value)
            if text and name not in _OF_THE_FILE and not name.startswith(_OF_THE_FILE_PREFIXES):
                values.setdefault(name, text)
        return Tags(values, _cover(container))


def _text(value: str) -> str:
    """Text as it was meant: what is no UTF-8 was most likely Latin-1."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        value = value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value.replace("\0", "").strip()


def _cover(container: InputContainer) -> Cover | None:
    """The first picture that is a JPEG or PNG."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            continue
        try:
            packet = next(container.demux(stream), None)
        except av.error.FFmpegError:
            return None
        cover = cover_of(bytes(packet)) if packet is not None and packet.size else None
        if cover:
            return cover
    return None


def _is_comment_name(name: str) -> bool:
    """Printable ASCII without the equals sign (Vorbis I, section 5.2.1)."""
    return bool(name) and all(" " <= letter <= "}" and letter != "=" for letter in name)

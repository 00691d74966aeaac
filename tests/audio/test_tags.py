"""Tags and covers survive from any format to any other; another reader finds them where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen.flac import Picture

from tests.audio.sounds import encode, jpeg, noise, png
from unbraid.audio.cover import Cover
from unbraid.audio.formats import Format
from unbraid.audio.tags import Tags, read_tags
from unbraid.audio.write import write_audio

COMMON = {
    "title": "Ünï ♥ – 名",
    "artist": "A & B; C",
    "album": "Al=bum",
    "album_artist": "AA",
    "track": "3/12",
    "disc": "1/2",
    "date": "1999-12-31",
    "genre": "Rock",
    "composer": "Com",
    "comment": "two\nlines",
}
MORE = {"bpm": "120", "initialkey": "Am", "isrc": "XX1234567890", "lyrics": "la\nla", "mood": "blue"}
FORMATS: list[Format] = ["wav", "flac", "mp3", "ogg", "opus", "m4a"]


def written(path: Path, format: Format, tags: Tags) -> Path:
    file = path / f"a.{format}"
    write_audio(file, [noise(3000)], 48000, 2, format=format, tags=tags)
    return file


@pytest.mark.parametrize("picture", [png(), jpeg(), None])
@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, format: Format, picture: bytes | None) -> None:
    mime = "image/png" if picture == png() else "image/jpeg"
    free = {} if format == "m4a" else MORE  # FFmpeg's MP4 has no names of one's own
    tags = Tags({**COMMON, **free}, Cover(picture, mime) if picture else None)
    assert read_tags(written(tmp_path, format, tags)) == tags


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_from_any_format_to_any_other(tmp_path: Path, source: Format, target: Format) -> None:
    tags = Tags(COMMON, Cover(jpeg(), "image/jpeg"))
    (tmp_path / "first").mkdir()
    carried = read_tags(written(tmp_path / "first", source, tags))
    assert read_tags(written(tmp_path, target, carried)) == tags


def as_mutagen_sees(path: Path) -> tuple[dict[str, str], bytes]:
    """Title, artist, album, track, date and cover by another library."""
    file: Any = mutagen.File(path)
    kind = type(file).__name__
    if kind in ("MP3", "WAVE"):
        names = {"title": "TIT2", "artist": "TPE1", "album": "TALB", "track": "TRCK", "date": "TDRC"}
        return {name: str(file.tags[frame]) for name, frame in names.items()}, file.tags.getall("APIC")[0].data
    if kind == "MP4":
        names = {"title": "©nam", "artist": "©ART", "album": "©alb", "date": "©day"}
        found = {name: file.tags[atom][0] for name, atom in names.items()}
        return {**found, "track": "/".join(map(str, file.tags["trkn"][0]))}, bytes(file.tags["covr"][0])
    names = {"title": "title", "artist": "artist", "album": "album", "track": "tracknumber", "date": "date"}
    found = {name: file.tags[key][0] for name, key in names.items()}
    if kind == "FLAC":
        return found, file.pictures[0].data
    import base64

    picture = Picture(base64.b64decode(file.tags["metadata_block_picture"][0]))
    assert (picture.mime, picture.type, picture.width, picture.height) == ("image/png", 3, 3, 2)
    return found, picture.data


@pytest.mark.parametrize("format", FORMATS)
def test_another_library_finds_them(tmp_path: Path, format: Format) -> None:
    path = written(tmp_path, format, Tags(COMMON, Cover(png(), "image/png")))
    found, picture = as_mutagen_sees(path)
    assert found == {name: COMMON[name] for name in ("title", "artist", "album", "track", "date")}
    assert picture == png()


@pytest.mark.parametrize("format", ["mp3", "m4a"])
def test_totals_that_stand_alone_go_behind_the_number(tmp_path: Path, format: Format) -> None:
    alone = Tags({"track": "3", "tracktotal": "12", "disc": "1", "totaldiscs": "2"})
    carried = read_tags(written(tmp_path, format, read_tags(written(tmp_path, "flac", alone))))
    assert dict(carried.values) == {"track": "3/12", "disc": "1/2"}
    both = Tags({"track": "3/12", "tracktotal": "99"})
    assert read_tags(written(tmp_path, format, both)).values["track"] == "3/12"
    assert read_tags(written(tmp_path, format, Tags({"tracktotal": "12"}))).values.get("track") is None


@pytest.mark.parametrize("format", FORMATS)
def test_the_length_is_the_same_with_tags(tmp_path: Path, format: Format) -> None:
    path = tmp_path / "a"
    tags = Tags({**COMMON, "comment": "c" * 70_000}, Cover(png(), "image/png"))
    write_audio(path, [noise(30_000)], 48000, 2, format=format, tags=tags, samples=30_000)
    assert round(mutagen.File(path).info.length * 48000) == pytest.approx(30_000, abs=3000)
    from unbraid.audio.read import open_audio

    with open_audio(path) as reader:
        assert reader.read().shape[1] == 30_000


def test_what_would_be_false_of_a_stem_is_left_behind(tmp_path: Path) -> None:
    encode(tmp_path / "a.flac", noise(3000), 44100, "flac", sample_format="s16", metadata={
        "TITLE": "T", "REPLAYGAIN_TRACK_GAIN": "-9 dB", "R128_TRACK_GAIN": "1", "encoder": "x", "iTunSMPB": "0 1 2",
    })  # fmt: skip
    assert read_tags(tmp_path / "a.flac").values == {"title": "T"}


def test_latin1_where_utf8_should_be_is_read_as_it_was_meant(tmp_path: Path) -> None:
    path = written(tmp_path, "wav", Tags({"title": "Motorhead"}))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"id3 ")].replace(b"Motorhead", "Motörhead".encode("latin-1")))
    assert read_tags(path).values["title"] == "Motörhead"


def test_names_that_comments_cannot_have_are_dropped() -> None:
    assert Tags({"a=b": "1", "ü": "2", "fine": "3"}).vorbis_comments() == [("FINE", "3")]

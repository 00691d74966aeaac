"""Stem files as DJ programs want them: five tracks, only the mix enabled, and the box that says what they are."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from bench.peers import peer

from tests.audio.sounds import noise, png
from unbraid.audio import mp4
from unbraid.audio.cover import Cover
from unbraid.audio.read import open_audio
from unbraid.audio.stem_mp4 import ORDER, StemWriter, write_stem_mp4
from unbraid.audio.tags import Tags, read_tags
from unbraid.errors import AudioError, OutputError
from unbraid.signal import Samples

LENGTH = 40_011
STEMS: dict[str, Samples] = {name: noise(LENGTH, seed=order) for order, name in enumerate(("vocals", *ORDER[:3]))}
MIX: Samples = sum(STEMS.values(), start=np.zeros((2, LENGTH), np.float32))


@pytest.fixture(scope="module")
def stem_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stem") / "a.stem.mp4"
    tags = Tags({"title": "Ünï ♥", "artist": "A"}, Cover(png(), "image/png"))
    with StemWriter(path, tuple(STEMS), 44100, 2, tags=tags) as writer:
        for start in range(0, LENGTH, 7001):
            part = slice(start, start + 7001)
            writer.write(MIX[:, part], {name: stem[:, part] for name, stem in STEMS.items()})
    assert writer.written.samples == LENGTH and writer.written.clipped == 0
    return path


def test_the_tracks_are_mix_drums_bass_other_vocals(stem_file: Path) -> None:
    with av.open(str(stem_file)) as container:
        tracks = container.streams.audio
        assert [(track.codec_context.name, track.rate, track.channels) for track in tracks] == [("aac", 44100, 2)] * 5
    heard = []
    for number in range(5):
        with open_audio(stem_file, stream=number) as reader:
            heard.append(reader.read()[0])
    expected = [MIX[0], *(STEMS[name][0] for name in ORDER)]
    likeness = np.corrcoef(expected, heard)[:5, 5:]
    assert (np.diag(likeness) > 0.95).all()
    assert (np.argmax(likeness, axis=1) == np.arange(5)).all()


def test_a_track_that_is_not_there(stem_file: Path) -> None:
    with pytest.raises(AudioError, match="no audio stream 5; there are 5, counted from 0"):
        open_audio(stem_file, stream=5)


def test_only_the_mix_is_enabled_and_is_what_players_play(stem_file: Path) -> None:
    with stem_file.open("rb") as file:
        moov = mp4.find(file, b"moov")
        assert moov is not None
        enabled = []
        for track in [box for box in mp4.boxes(file, moov.body, moov.end) if box.name == b"trak"]:
            head = next(box for box in mp4.boxes(file, track.body, track.end) if box.name == b"tkhd")
            file.seek(head.body)
            enabled.append(file.read(4)[3] & 1)
    assert enabled == [1, 0, 0, 0, 0]
    with open_audio(stem_file) as reader:
        heard = reader.read()
    assert heard.shape == MIX.shape
    assert np.corrcoef(heard[0], MIX[0])[0, 1] > 0.95


def test_the_box_names_and_colours_the_stems(stem_file: Path) -> None:
    with stem_file.open("rb") as file:
        box = mp4.find(file, b"moov", b"udta", b"stem")
        assert box is not None
        file.seek(box.body)
        told = json.loads(file.read(box.end - box.body))
    assert [stem["name"] for stem in told["stems"]] == ["Drums", "Bass", "Other", "Vocals"]
    assert all(stem["color"].startswith("#") and len(stem["color"]) == 7 for stem in told["stems"])
    assert told["version"] == 1
    assert set(told["mastering_dsp"]) == {"compressor", "limiter"}
    assert not told["mastering_dsp"]["compressor"]["enabled"] and not told["mastering_dsp"]["limiter"]["enabled"]


def test_it_has_the_fields_of_a_file_made_by_others(stem_file: Path) -> None:
    """stempeg ships one that Native Instruments' own tool made."""
    stempeg = peer("stempeg")

    def fields(path: Path) -> tuple[object, ...]:
        with path.open("rb") as file:
            box = mp4.find(file, b"moov", b"udta", b"stem")
            assert box is not None
            file.seek(box.body)
            told = json.loads(file.read(box.end - box.body))
        return set(told), {kind: set(values) for kind, values in told["mastering_dsp"].items()}, set(told["stems"][0])

    assert fields(stem_file) == fields(Path(stempeg.example_stem_path()))


def test_the_tags_and_the_cover_are_kept_beside_the_box(stem_file: Path) -> None:
    tags = read_tags(stem_file)
    assert tags.values == {"title": "Ünï ♥", "artist": "A"}
    assert tags.cover == Cover(png(), "image/png")


def test_without_tags_the_box_is_there_too(tmp_path: Path) -> None:
    path = tmp_path / "a.stem.mp4"
    written = write_stem_mp4(path, [MIX], {name: [stem] for name, stem in STEMS.items()}, 96000, 2)
    assert written.rate == 48000 and any("96000" in note for note in written.notes)
    with path.open("rb") as file:
        assert mp4.find(file, b"moov", b"udta", b"stem") is not None


def test_colours_and_other_names_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.stem.mp4"
    names = ("piano", "guitar", "strings", "rest")
    stems = dict(zip(names, STEMS.values(), strict=True))
    with StemWriter(path, names, 44100, 2, colours={"guitar": "#123456"}) as writer:
        writer.write(MIX, stems)
    with path.open("rb") as file:
        box = mp4.find(file, b"moov", b"udta", b"stem")
        assert box is not None
        file.seek(box.body)
        told = json.loads(file.read(box.end - box.body))["stems"]
    assert [stem["name"] for stem in told] == ["Piano", "Guitar", "Strings", "Rest"]
    assert told[1]["color"] == "#123456"


@pytest.mark.parametrize("names", [("vocals", "rest"), (*ORDER, "piano", "guitar"), ("a", "a", "b", "c")])
def test_other_numbers_of_stems_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(OutputError, match="4 stems"):
        StemWriter(tmp_path / "a.stem.mp4", names, 44100, 2)
    assert list(tmp_path.iterdir()) == []


def test_the_box_can_be_added_where_there_is_no_udta(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    moov = (8 + 12).to_bytes(4, "big") + b"moov" + (12).to_bytes(4, "big") + b"trak" + bytes(4)
    path.write_bytes((12).to_bytes(4, "big") + b"mdat" + bytes(4) + moov)
    with path.open("r+b") as file:
        mp4.add_to_udta(file, b"stem", b"{}")
        box = mp4.find(file, b"moov", b"udta", b"stem")
        assert box is not None
        file.seek(box.body)
        assert file.read() == b"{}"
        assert [box.name for box in mp4.boxes(file, 0, path.stat().st_size)] == [b"mdat", b"moov"]

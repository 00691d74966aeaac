"""Every layout becomes songs that training reads, and each file is where it belongs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from bench.peers import peer

from tests.data.layouts import RATE, STEMS, hq_song, moises_song, noise, slakh_song, write
from unbraid.audio.read import open_audio
from unbraid.data.tracks import read_part, scan
from unbraid.data.tracks.find import find_songs
from unbraid.data.tracks.musdb import STREAMS
from unbraid.data.tracks.naming import USUAL, read_naming
from unbraid.errors import AudioError, UsageError

EXCERPT = peer("stempeg").example_stem_path()


def test_musdb18_by_a_real_excerpt(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(EXCERPT, tmp_path / "train" / "A - B.stem.mp4")
    (song,) = scan(tmp_path, "train")
    assert song.rate == RATE and song.targets() == [frozenset([s]) for s in sorted(STEMS)]
    truths = {part: open_audio(EXCERPT, STREAMS.index(min(part.stems))).read() for part in song.parts}
    gain = 0.999 / max(np.abs(truth).max() for truth in truths.values())  # there is a click beyond full scale
    for part, truth in truths.items():
        np.testing.assert_allclose(read_part(part, 0, song.samples), gain * truth, atol=1e-4)


def test_musdb18_hq_is_read_where_it_lies(tmp_path: Path) -> None:
    hq_song(tmp_path / "train" / "A - B", 1)
    hq_song(tmp_path / "train" / "Young Griffo - Pennies", 2)
    hq_song(tmp_path / "test" / "C - D", 3)
    for split, name in (("train", "A - B"), ("valid", "Young Griffo - Pennies"), ("test", "C - D")):
        (song,) = scan(tmp_path, split)
        assert {part.path.parent.name for part in song.parts} == {name}
    assert sorted(p.suffix for p in (tmp_path / ".unbraid" / "songs").rglob("*") if p.is_file()) == [".json"] * 3


def test_moisesdb_groups_eleven_stems_to_four_and_pads_short_takes(tmp_path: Path) -> None:
    moises_song(tmp_path / "moisesdb_v0.1" / "provider" / "uuid")
    ((found,), empty) = (find_songs(tmp_path)[split] for split in ("train", "valid"))
    assert (found.name, found.kind, empty) == ("Band - Song", "moisesdb", [])
    (song,) = scan(tmp_path, "train")
    assert [(part.label, *part.stems) for part in song.parts] == [
        ("lead female singer", "vocals"),
        ("background vocals", "vocals"),
        ("congas", "other"),
        ("acoustic guitar", "other"),
    ]
    short = song.parts[1]
    np.testing.assert_allclose(read_part(short, 0, RATE // 2), noise(51, 0.5), atol=1e-4)
    assert not read_part(short, RATE // 2, RATE).any()
    own = find_songs(tmp_path, read_naming("drums=drums|percussion,guitar=guitar"))["train"][0]
    assert [sorted(part.stems) for part in own.parts] == [["vocals"], ["vocals"], ["drums"], ["guitar"]]


def test_slakh_has_labelled_instruments_and_no_singer(tmp_path: Path) -> None:
    slakh_song(tmp_path / "train" / "Track00001")
    slakh_song(tmp_path / "validation" / "Track01501")
    (found,) = find_songs(tmp_path)["train"]
    assert found.missing() == () and found.mixture is not None
    (song,) = scan(tmp_path, "train")
    assert [(part.label, *part.stems, *part.words) for part in song.parts] == [
        ("distortion guitar", "other", "guitar"),
        ("electric bass (finger)", "bass", "bass"),
        ("drums", "drums", "drums"),
    ]
    np.testing.assert_allclose(read_part(song.parts[0], 0, 1000), noise(60)[:, :1000], atol=1e-4)
    assert len(scan(tmp_path, "valid")) == 1


def test_any_rate_and_width_is_converted_once(tmp_path: Path) -> None:
    for stem in STEMS:
        write(tmp_path / "song" / f"{stem}.flac", noise(5, 1.0, 22_050)[:1], 22_050)
    (song,) = scan(tmp_path, "train")
    assert (song.rate, song.samples) == (RATE, RATE)
    samples = read_part(song.parts[0], 0, RATE)
    np.testing.assert_array_equal(samples[0], samples[1])
    made = song.parts[0].path.stat().st_mtime_ns
    assert scan(tmp_path, "train")[0].parts[0].path.stat().st_mtime_ns == made
    for stem in STEMS:
        write(tmp_path / "song" / f"{stem}.flac", noise(6, 1.2, 22_050)[:1], 22_050)
    assert scan(tmp_path, "train")[0].samples == round(1.2 * RATE)


def test_parts_beyond_full_scale_are_turned_down_alike(tmp_path: Path) -> None:
    loud, soft = noise(1, 0.5) * 40, noise(2, 0.5)
    write(tmp_path / "song" / "vocals.wav", loud, subtype="FLOAT")
    write(tmp_path / "song" / "bass.wav", soft, subtype="FLOAT")
    (song,) = scan(tmp_path, "train")
    by_label = {part.label: read_part(part, 0, song.samples) for part in song.parts}
    gain = 0.999 / np.abs(loud).max()
    np.testing.assert_allclose(by_label["vocals"], loud * gain, atol=1e-4)
    np.testing.assert_allclose(by_label["bass"], soft * gain, atol=1e-4)


def test_data_that_cannot_be_written_is_prepared_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = hq_song(tmp_path / "data" / "song", 1, suffix="flac")
    monkeypatch.setenv("UNBRAID_HOME", str(tmp_path / "home"))
    (tmp_path / "data" / ".unbraid").touch()  # as good as a read-only folder, also for a superuser
    (found,) = scan(song.parent, "train")
    assert found.parts[0].path.is_relative_to(tmp_path / "home")
    (found,) = scan(song.parent, "train", cache=tmp_path / "given")
    assert found.parts[0].path.is_relative_to(tmp_path / "given")


def test_own_names_of_stems(tmp_path: Path) -> None:
    for name in ("Lead_Vox", "Choir", "KIT", "perc 1", "backing", "junk"):
        write(tmp_path / "songs" / "one" / f"{name}.wav", noise(1, 0.2))
    table = tmp_path / "stems.toml"
    table.write_text('[stems]\nvocals = ["lead*", "choir"]\ndrums = ["kit", "perc*"]\n"bass+other" = "backing"\n')
    for given in (str(table), "vocals=lead*|choir,drums=kit|perc*,bass+other=backing"):
        ((found,)) = find_songs(tmp_path / "songs", read_naming(given))["train"]
        assert {p.label: sorted(p.stems) for p in found.parts} == {
            "lead_vox": ["vocals"], "choir": ["vocals"], "kit": ["drums"], "perc 1": ["drums"],
            "backing": ["bass", "other"],
        }  # fmt: skip
        assert [path.name for path in found.unknown] == ["junk.wav"]
        assert found.missing() == ()


def test_an_accompaniment_counts_only_where_its_stems_are_not_there(tmp_path: Path) -> None:
    for name in ("vocals", "accompaniment", "drums"):
        write(tmp_path / "both" / f"{name}.wav", noise(1, 0.1))
        if name != "drums":
            write(tmp_path / "two" / f"{name}.wav", noise(1, 0.1))
    songs = {song.name: song for each in find_songs(tmp_path).values() for song in each}
    assert [p.label for p in songs["both"].parts] == ["drums", "vocals"]
    assert sorted(map(len, (p.stems for p in songs["two"].parts))) == [1, 3]


@pytest.mark.parametrize("given", ["nowhere.toml", "vocals+=x", "mixture+drums=x"])
def test_wrong_names_are_refused(given: str) -> None:
    with pytest.raises(UsageError):
        read_naming(given)


def test_usual_names() -> None:
    assert USUAL.stems_of("Mixture") == {"mixture"} and USUAL.stems_of("Backing_Vocals") == {"vocals"}
    assert USUAL.stems_of("readme") is None


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    song = hq_song(tmp_path / "train" / "a", 1)
    hq_song(tmp_path / "train" / "b", 2)
    hq_song(tmp_path / "valid" / "c", 3)
    for samples, rate, told in (
        (noise(1, 1.5, 48_000), 48_000, r"drums\.wav: has 48000 Hz"),
        (noise(1, 1.0), RATE, r"drums\.wav: is 1\.00 s long"),
    ):
        write(song / "drums.wav", samples, rate)
        with pytest.raises(AudioError, match=told):
            scan(tmp_path, "train")
    (song / "drums.wav").write_bytes(b"RIFF")
    heard: list[AudioError] = []
    assert len(scan(tmp_path, "train", heard.append)) == 1
    assert "drums.wav" in str(heard[0])
    with pytest.raises(UsageError, match="not a folder"):
        find_songs(tmp_path / "nowhere")


def test_a_header_that_promises_more_than_the_file_holds_is_not_believed(tmp_path: Path) -> None:
    for stem in STEMS:
        path = tmp_path / "song" / f"{stem}.wav"
        write(path, noise(5, 1.0))
        data = path.read_bytes()
        path.write_bytes(data[:4] + b"\xff\xff\xff\xff" + data[8:40] + b"\xff\xff\xff\xff" + data[44:])
    (song,) = scan(tmp_path, "train")
    assert song.samples == RATE

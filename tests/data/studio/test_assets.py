"""The material: every source in one split, clear words when a package is missing, MIDI out of archives."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from unbraid.data.studio import assets, sources
from unbraid.data.studio.kits import kind_of
from unbraid.data.studio.split import SPLITS, split_of_file, split_of_song
from unbraid.data.studio.voice_bank import split_of
from unbraid.errors import AudioError

REPOSITORY = Path(__file__).parents[3]


def test_a_name_occurs_in_one_split_only() -> None:
    splits: dict[str, set[str]] = {}
    for source in (*assets.FONTS, *assets.KITS):
        splits.setdefault(source.name, set()).add(source.split)
    assert all(len(held) == 1 for held in splits.values())


def test_drum_sets_that_share_strokes_stay_in_one_split() -> None:
    family = {"The Black Pearl 1.0", "Black Pearl", "Red Zeppelin", "GMRockKit"}
    held = {source.split for source in (*assets.FONTS, *assets.KITS) if source.name in family}
    assert held == {"test"}


def test_every_split_has_a_font_and_kits_of_both_sounds_are_held_out() -> None:
    for split in SPLITS:
        assert any(font.split == split and font.melodic for font in assets.FONTS)
    assert {kit.sound for kit in assets.KITS if kit.split == "test"} == {"acoustic", "electronic"}


def test_shares_of_files_and_songs() -> None:
    files = [split_of_file(f"file {number}") for number in range(2000)]
    assert 0.12 < files.count("test") / 2000 < 0.18
    assert 0.05 < files.count("valid") / 2000 < 0.11
    songs = [split_of_song(number) for number in range(100)]
    assert (songs.count("train"), songs.count("valid"), songs.count("test")) == (80, 8, 12)


def test_languages_of_a_region_follow_the_language() -> None:
    assert split_of("fr") == split_of("fr_CA") == "test"
    assert split_of("sl@extra") == "valid"


def test_a_missing_package_is_named_with_the_script(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"Debian package fluid-soundfont-gm, which scripts/studio-assets\.sh fetches"):
        assets.check(tmp_path)
    assert (REPOSITORY / assets.SCRIPT).is_file()


def test_midi_is_found_in_folders_and_archives_once(tmp_path: Path) -> None:
    song, other = b"MThd" + bytes(10), b"MThd" + bytes(11)
    for package in assets.MIDI_PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "song.mid").write_bytes(song)
    write_wad(tmp_path / "freedoom" / "game.wad", {b"D_ONE": song, b"D_TWO": other, b"PICTURE": b"no music"})
    found = [file for split in SPLITS for file in assets.find_midi(tmp_path, split)]
    assert {file.data for file in found} == {song, other}
    assert len(found) == 2


def test_the_page_of_sources_is_up_to_date() -> None:
    assert (REPOSITORY / "docs/data-sources.md").read_text("utf-8") == sources.page()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Kick 1", "kick"), ("bd_808", "kick"), ("Snare Rimshot", "snare"), ("sn_dub", "snare"),
        ("Hat Closed", "hihat closed"),
        
        ("hihat_opened01", "hihat open"), ("Floor Tom", "tom low"), ("Crash Left", "crash"), ("Ride Rock", "ride"),
        ("drum_cymbal_pedal", "hihat pedal"), ("SideStick", "stick"), ("Hand Clap", "clap"), ("Cowbell", "percussion"),
        ("ambience", None),
    ],
)  # fmt: skip
def test_what_an_instrument_is_by_its_name(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def write_wad(path: Path, lumps: dict[bytes, bytes]) -> None:
    body, entries = b"", b""
    for name, data in lumps.items():
        entries += struct.pack("<ii8s", 12 + len(body), len(data), name)
        body += data
    path.write_bytes(struct.pack("<4sii", b"PWAD", len(lumps), 12 + len(body)) + body + entries)

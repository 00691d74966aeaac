"""Which files are songs and where stems go."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.api.names import check_apart, check_template, find_songs, name_beside, stem_path, track_names
from unbraid.api.options import TEMPLATE
from unbraid.errors import AudioError, UsageError


def test_folders_are_gone_through_in_order_and_hidden_files_left_out(tmp_path: Path) -> None:
    for name in ("b.mp3", "a.WAV", "cover.jpg", ".hidden.mp3", "sub/c.flac", ".unbraid-x/d.wav", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_songs([tmp_path, tmp_path / "b.mp3"])]
    assert found == ["a.WAV", "b.mp3", "sub/c.flac"]


def test_a_named_file_is_taken_whatever_its_suffix() -> None:
    assert find_songs([Path("odd.name")]) == [Path("odd.name")]


def test_a_folder_without_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(AudioError, match=tmp_path.name):
        find_songs([tmp_path])


def test_two_songs_of_one_name_get_their_folders_name() -> None:
    songs = [Path("one/song.mp3"), Path("two/Song.wav"), Path("two/other.wav")]
    assert track_names(songs) == ["one - song", "two - Song", "other"]


def test_even_the_same_folder_name_leads_to_different_tracks() -> None:
    names = track_names([Path("a/x/song.mp3"), Path("b/x/song.mp3"), Path("b/x/song.wav")])
    assert len({name.casefold() for name in names}) == 3


def test_stem_mp4_is_cut_whole() -> None:
    assert track_names([Path("Track.stem.mp4")]) == ["Track"]


def test_the_usual_place() -> None:
    assert stem_path(TEMPLATE, "compact", "My Song", "vocals", "wav") == Path("compact/My Song/vocals.wav")


@given(track=st.text(min_size=1, max_size=300), template=st.sampled_from([TEMPLATE, "{track} - {stem}.{ext}"]))
def test_no_track_name_leaves_the_folder_or_is_too_long(track: str, template: str) -> None:
    path = stem_path(template, "compact", track, "vocals", "wav")
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert all(0 < len(part.encode("utf-8", "surrogatepass")) <= 255 for part in path.parts)
    assert path.suffix == ".wav"


@pytest.mark.parametrize(
    "template",
    [
        "{track}.{ext}",
        "{stem}/{nosuch}",
        "/abs/{stem}.{ext}",
        "../{stem}.{ext}",
        "{stem",
        "{stem.x}",
        "{stem:d}",
        "{stem!r}",
    ],
)
def test_impossible_templates_are_refused(template: str) -> None:
    with pytest.raises(UsageError, match="template"):
        check_template(template)


def test_results_are_no_songs(tmp_path: Path) -> None:
    results = ("separated/compact/a/vocals.wav", "other/compact/a/vocals.wav", "other/compact/a/unbraid.json")
    for name in ("a.mp3", "sub/b.mp3", *results):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_songs([tmp_path], tmp_path / "separated")]
    assert found == ["a.mp3", "sub/b.mp3"]
    assert find_songs([tmp_path / "separated"], tmp_path / "separated"), "what is named is taken"


def test_a_closed_folder_is_told_and_the_rest_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp3", "closed/b.mp3", "open/c.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    usual = Path.iterdir

    def guarded(folder: Path) -> Iterator[Path]:  # root may look everywhere, so no mode of a folder will do
        if folder.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return usual(folder)

    monkeypatch.setattr(Path, "iterdir", guarded)
    told: list[AudioError] = []
    assert find_songs([tmp_path], on_closed=told.append) == [tmp_path / "a.mp3", tmp_path / "open" / "c.mp3"]
    assert [str(error) for error in told] == [f"{tmp_path / 'closed'}: cannot be looked at (Permission denied)"]
    with pytest.raises(AudioError, match="Permission denied"):
        find_songs([tmp_path])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("https://example.com/song.mp3", "addresses are not fetched"),
        ("-", "not read from standard input"),
        ("party.m3u8", "--songs-from"),
        ("x" * 300, "cannot be looked at"),
    ],
)
def test_what_is_no_songs_place_is_told_as_what_it_is(given: str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        find_songs([Path(given)])


def test_names_that_are_one_on_the_disk_are_told_apart() -> None:
    songs = [Path("a/s.wav"), Path("a/s.flac"), Path("a/a - s (2).wav"), Path("x\\y.wav"), Path("x_y.wav")]
    places = {str(stem_path(TEMPLATE, "m", track, "vocals", "wav")).casefold() for track in track_names(songs)}
    assert len(places) == 5
    long = [Path("d") / ("n" * 250 + end) for end in (".wav", ".mp3", ".ogg")]
    assert len({stem_path(TEMPLATE, "m", track, "vocals", "wav") for track in track_names(long)}) == 3


def test_stems_of_a_track_with_a_long_name_stay_apart() -> None:
    names = {stem_path("{track}-{stem}.{ext}", "m", "n" * 255, stem, "wav").name for stem in ("vocals", "drums")}
    assert len(names) == 2 and all(len(name) <= 255 for name in names)
    assert len(name_beside("n" * 255, ".unbraid.json")) == 255


def test_a_template_that_writes_two_songs_to_one_place_is_refused() -> None:
    songs = [Path("a.wav"), Path("b.wav")]
    with pytest.raises(UsageError, match=r"b\.wav over a\.wav; put \{track\} into it"):
        check_apart([Path("vocals.wav"), Path("Vocals.wav")], songs, "{stem}.{ext}")
    check_apart([Path("a/vocals.wav"), Path("b/vocals.wav")], songs, TEMPLATE)

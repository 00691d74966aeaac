"""The desk: what a browser may ask of it, and what nobody may."""

from __future__ import annotations

import errno
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from tests.api.conftest import noise, write_song
from tests.api.fakes import pair
from unbraid.api import Model
from unbraid.errors import OutputError, UsageError
from unbraid.signal import Samples
from unbraid.web import desk as desk_module
from unbraid.web import line, sound, views
from unbraid.web.app import app_for
from unbraid.web.desk import Desk, Limits

OWN = {"X-Unbraid": "1"}
MANY = 4000  # times a hundredth of a second, which no test waits for unless it fails


def song_bytes(tmp_path: Path, seconds: float = 1.0, seed: int = 0) -> tuple[bytes, Samples]:
    samples = noise(seconds, seed=seed)
    return write_song(tmp_path / f"song-{seed}.wav", samples).read_bytes(), samples


def waited(client: TestClient, id: str) -> dict[str, Any]:
    """The song's state once it is done or failed."""
    for _ in range(MANY):
        told: dict[str, Any] = client.get(f"/api/songs/{id}").json()
        if told["state"] in ("done", "failed"):
            return told
        time.sleep(0.01)
    raise AssertionError(f"the song is still {told}")


def emptied(folder: Path) -> bool:
    for _ in range(MANY):
        if [path.name for path in folder.iterdir()] == ["lock"]:
            return True
        time.sleep(0.01)
    return False


def uploaded(client: TestClient, content: bytes, name: str = "song.wav") -> str:
    answer = client.post("/api/songs", params={"name": name}, content=content, headers=OWN)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "desk"


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    opened = Desk(pair(), folder, Limits(upload_mb=2, waiting=3))
    yield opened
    opened.close()


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return TestClient(app_for(desk, {"testserver"}))


def test_a_song_goes_in_and_its_stems_come_out(client: TestClient, tmp_path: Path) -> None:
    content, samples = song_bytes(tmp_path)
    id = uploaded(client, content, "Märchen/../x.wav")
    told = waited(client, id)
    assert told["name"] == "Märchen/../x.wav"
    assert list(told["report"]["stems"]) == ["vocals", "drums", "bass", "other"]
    assert (told["report"]["rate"], told["report"]["samples"]) == (44_100, 44_100)
    answer = client.get(f"/api/songs/{id}/stems/drums")
    assert answer.headers["content-disposition"].endswith("x%20%28drums%29.flac")
    heard, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    assert rate == 44_100
    np.testing.assert_allclose(heard.T, 0.2 * samples, atol=1e-5)


def test_who_holds_memory_hears_what_is_being_done(folder: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    desk = Desk(pair(), folder, Limits(upload_mb=2), heard.append)
    client = TestClient(app_for(desk, {"testserver"}))
    waited(client, uploaded(client, song_bytes(tmp_path)[0]))
    waited(client, uploaded(client, b"no sound"))
    desk.close()
    assert heard[0] == "read" and heard.index("write") < heard.index("") < len(heard) - 1
    assert heard[-1] == ""


def test_pieces_join_to_the_stem(client: TestClient, tmp_path: Path) -> None:
    content, samples = song_bytes(tmp_path, 1.05)
    id = uploaded(client, content)
    waited(client, id)
    pieces = []
    for start in range(0, 46_305, 20_000):
        answer = client.get(f"/api/songs/{id}/stems/other/piece", params={"start": start, "frames": 20_000})
        pieces.append(soundfile.read(io.BytesIO(answer.content), dtype="float32")[0])
    np.testing.assert_allclose(np.concatenate(pieces).T, 0.4 * samples, atol=1e-4)
    for start, frames in ((-1, 10), (46_305, 10), (0, 0), (0, 10**9)):
        answer = client.get(f"/api/songs/{id}/stems/other/piece", params={"start": start, "frames": frames})
        assert answer.status_code == 400 and "is not to be had" in answer.json()["error"]
    assert client.get(f"/api/songs/{id}/stems/other/piece?start=x").status_code == 400


def test_the_mix_is_as_the_desk_is_set(client: TestClient, tmp_path: Path) -> None:
    content, samples = song_bytes(tmp_path)
    id = uploaded(client, content)
    waited(client, id)
    answer = client.get(f"/api/songs/{id}/mix", params={"vocals": 0, "drums": 0.5, "other": 1, "nosuch": 1})
    heard, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    np.testing.assert_allclose(heard.T, (0.5 * 0.2 + 0.4) * samples, atol=1e-4)
    for gains in ({}, {"vocals": 0}, {"vocals": -1}, {"vocals": "nan"}, {"vocals": "loud"}):
        assert client.get(f"/api/songs/{id}/mix", params=gains).status_code == 400


def test_a_mix_that_would_clip_is_turned_down(tmp_path: Path) -> None:
    paths = [write_song(tmp_path / f"{seed}.wav", noise(0.2, level=0.2, seed=seed)) for seed in range(2)]
    heard, _ = soundfile.read(io.BytesIO(b"".join(sound.mixed(dict.fromkeys(paths, 4.0)))), dtype="float32")
    assert 0.99 < np.abs(heard).max() < 1
    wanted = sum(soundfile.read(path, dtype="float32")[0] for path in paths)
    assert np.corrcoef(heard.ravel(), wanted.ravel())[0, 1] > 0.99999


def test_outlines_show_where_it_is_loud(client: TestClient, tmp_path: Path) -> None:
    samples = np.zeros((2, 44_100), np.float32)
    samples[:, 22_050:] = 0.9
    id = uploaded(client, write_song(tmp_path / "half.wav", samples).read_bytes())
    waited(client, id)
    drawn = client.get(f"/api/songs/{id}/outlines").json()
    assert set(drawn) == {"vocals", "drums", "bass", "other"}
    assert len(drawn["other"]) == sound.POINTS
    assert not any(drawn["other"][: sound.POINTS // 2 - 1])
    assert set(drawn["other"][sound.POINTS // 2 :]) == {round(255 * 0.36)}


@pytest.mark.parametrize("length", [1, 7, sound.POINTS, sound.POINTS + 1, (1 << 18) + 5])
def test_outlines_of_any_length(tmp_path: Path, length: int) -> None:
    samples = np.zeros((1, length), np.float32)
    samples[0, [0, length // 2, -1]] = 0.5
    drawn = sound.outline(write_song(tmp_path / "a.wav", samples))
    assert len(drawn) == min(length, sound.POINTS)
    assert drawn[0] == drawn[-1] == 128 and sum(level == 128 for level in drawn) == min(3, length)


def test_what_is_asked_comes_beside_the_stems(client: TestClient, tmp_path: Path) -> None:
    content, _ = song_bytes(tmp_path)
    id = uploaded(client, content)
    waited(client, id)
    before = client.get(f"/api/songs/{id}/stems/drums").content
    answer = client.post(f"/api/songs/{id}/asked", json={"text": " the snare "}, headers=OWN)
    assert answer.status_code == 202 and answer.json()["asked"] == ["the snare"]
    client.post(f"/api/songs/{id}/asked", json={"text": "everything but the bass"}, headers=OWN)
    for _ in range(MANY):
        stems = waited(client, id)["report"]["stems"]
        if len(stems) == 6:
            break
    assert [entry["query"] for entry in stems.values() if entry.get("query")] == [
        "the snare",
        "everything but the bass",
    ]
    assert client.get(f"/api/songs/{id}/stems/drums").content == before
    for text in ("", " ", "x" * 300):
        assert client.post(f"/api/songs/{id}/asked", json={"text": text}, headers=OWN).status_code == 400
    for body in (b"", b"[]", b'{"text": 3}', b"\xff", b"[" * 4000, b'{"text": "\\ud800"}'):
        assert client.post(f"/api/songs/{id}/asked", content=body, headers=OWN).status_code == 400
    assert client.post(f"/api/songs/{id}/asked", content=b" " * 5000, headers=OWN).status_code == 413


def test_questions_have_an_end(client: TestClient, tmp_path: Path) -> None:
    content, _ = song_bytes(tmp_path, 0.1)
    id = uploaded(client, content)
    codes = [
        client.post(f"/api/songs/{id}/asked", json={"text": f"snare {number}"}, headers=OWN).status_code
        for number in range(14)
    ]
    assert codes == [202] * 12 + [400] * 2


def test_states_of_several_songs_come_at_once(client: TestClient, tmp_path: Path) -> None:
    ids = [uploaded(client, song_bytes(tmp_path, 0.2, seed)[0]) for seed in range(2)]
    for id in ids:
        waited(client, id)
    told = client.get("/api/songs", params={"ids": f"{ids[0]},{'x' * 22},{ids[1]},../etc,"}).json()
    assert [each["state"] for each in told] == ["done", "gone", "done", "gone"]
    assert told[0] == client.get(f"/api/songs/{ids[0]}").json()
    assert client.get("/api/songs").json() == []


def test_a_song_that_fails_says_why_and_does_not_stop_the_next(client: TestClient, tmp_path: Path) -> None:
    bad = uploaded(client, b"these are words, no sound" * 40, "words.mp3")
    good = uploaded(client, song_bytes(tmp_path)[0])
    told = waited(client, bad)
    assert told["state"] == "failed" and told["why"].startswith("words.mp3: ")
    assert str(tmp_path) not in told["why"]
    assert waited(client, good)["state"] == "done"
    assert client.get(f"/api/songs/{bad}/mix?vocals=1").status_code == 409


def test_a_question_that_fails_leaves_the_stems(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = uploaded(client, song_bytes(tmp_path)[0])
    waited(client, id)

    def refuses(*_: object, **__: object) -> None:
        raise OutputError("no room")

    with monkeypatch.context() as full:
        full.setattr(desk_module, "separate_file", refuses)
        client.post(f"/api/songs/{id}/asked", json={"text": "snare"}, headers=OWN)
        told = waited(client, id)
    assert (told["state"], told["why"], told["asked"]) == ("failed", "no room", [])
    assert client.get(f"/api/songs/{id}/stems/drums").status_code == 200
    client.post(f"/api/songs/{id}/asked", json={"text": "snare"}, headers=OWN)
    assert waited(client, id)["state"] == "done"


def test_a_bug_is_told_as_one_and_the_queue_goes_on(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(desk_module, "separate_file", breaks)
        id = uploaded(client, song_bytes(tmp_path)[0])
        assert waited(client, id)["why"] == "this is a bug in unbraid: ZeroDivisionError"
    assert waited(client, uploaded(client, song_bytes(tmp_path, seed=1)[0]))["state"] == "done"


def test_a_desk_that_was_closed_goes_on_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(*_: object, stop_asked: Any, **__: object) -> None:
        while not stop_asked():
            time.sleep(0.01)
        raise desk_module.Cancelled("stopped on request")

    content, _ = song_bytes(tmp_path)
    with monkeypatch.context() as slow:
        slow.setattr(desk_module, "separate_file", waits)
        first = Desk(pair(), folder, Limits())
        ids = [uploaded(TestClient(app_for(first, None)), content) for _ in range(2)]
        first.close()
    half, theirs = folder / f".new-{'h' * 22}", folder / "Some_Album-of-somebody"
    for path in (half, theirs):
        path.mkdir()
        (path / "song.wav").touch()
    second = Desk(pair(), folder, Limits())
    try:
        client = TestClient(app_for(second, None))
        assert [waited(client, id)["state"] for id in ids] == ["done", "done"]
        assert not half.exists() and theirs.exists()
    finally:
        second.close()


def test_a_song_that_is_removed_is_gone(
    desk: Desk, client: TestClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(*_: object, stop_asked: Any, **__: object) -> None:
        while not stop_asked():
            time.sleep(0.01)
        raise desk_module.Cancelled("stopped on request")

    with monkeypatch.context() as slow:
        slow.setattr(desk_module, "separate_file", waits)
        ids = [uploaded(client, song_bytes(tmp_path)[0]) for _ in range(2)]
        assert client.get(f"/api/songs/{ids[1]}").json()["ahead"] == 1
        for id in ids:
            assert client.delete(f"/api/songs/{id}", headers=OWN).status_code == 204
            assert client.get(f"/api/songs/{id}").status_code == 404
    assert emptied(folder)
    assert waited(client, uploaded(client, song_bytes(tmp_path)[0]))["state"] == "done"


def test_limits_are_told(desk: Desk, client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/api/desk").json() == {"upload_mb": 2, "minutes": 0.0, "keep_h": 0.0}
    for content, code in ((b"x" * 2_000_001, 413), (b"", 400)):
        assert client.post("/api/songs", content=content, headers=OWN).status_code == code
    assert emptied(folder)
    monkeypatch.setattr(Desk, "waiting", 3)
    assert client.post("/api/songs", content=b"x", headers=OWN).status_code == 503
    with pytest.raises(UsageError, match="upload_mb"):
        Limits(upload_mb=0)


def test_long_songs_are_cut_and_old_ones_forgotten(folder: Path, tmp_path: Path) -> None:
    desk = Desk(pair(), folder, Limits(minutes=0.01, keep_h=1e-6))
    try:
        client = TestClient(app_for(desk, None))
        content, _ = song_bytes(tmp_path, 2.0)
        id = uploaded(client, content)
        assert emptied(folder), "it is forgotten at once when it is done"
        assert client.get(f"/api/songs/{id}").status_code == 404
    finally:
        desk.close()
    desk = Desk(pair(), folder, Limits(minutes=0.01))
    try:
        report = waited(TestClient(app_for(desk, None)), uploaded(TestClient(app_for(desk, None)), content))["report"]
        assert report["seconds"] == 0.6
        assert report["warnings"] == ["this desk takes the first 0.01 minutes of a song"]
    finally:
        desk.close()


def test_two_desks_do_not_share_a_folder(desk: Desk, folder: Path) -> None:
    with pytest.raises(UsageError, match="another desk has it"):
        Desk(pair(), folder, Limits())
    desk.close()
    Desk(pair(), folder, Limits()).close()


def test_old_songs_are_forgotten_at_the_start(folder: Path, tmp_path: Path) -> None:
    first = Desk(pair(), folder, Limits())
    client = TestClient(app_for(first, None))
    waited(client, uploaded(client, song_bytes(tmp_path, 0.1)[0]))
    first.close()
    second = Desk(pair(), folder, Limits(keep_h=1e-6))
    second._line.add("nobody")  # the line looks for old songs between two jobs
    try:
        assert emptied(folder)
    finally:
        second.close()


def test_what_a_full_disk_does_not_take_is_known_all_the_same(
    desk: Desk, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("no space left")

    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    waited(client, id)
    with monkeypatch.context() as disk:
        disk.setattr(desk.shelf, "write", full)
        client.post(f"/api/songs/{id}/asked", json={"text": "snare"}, headers=OWN)
        assert waited(client, id)["asked"] == ["snare"]
    client.post(f"/api/songs/{id}/asked", json={"text": "kick"}, headers=OWN)
    assert waited(client, id)["asked"] == ["snare", "kick"]
    found = desk.shelf.find(id)
    assert found is not None and found.asked == ("snare", "kick")


def test_a_disk_that_does_not_answer_takes_no_song_away(
    desk: Desk, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_BREATH_S", 0.01)

    def fails(*_: object, **__: object) -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_text", fails)
        id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
        assert client.get(f"/api/songs/{id}").status_code == 500
        assert client.get("/api/songs", params={"ids": id}).status_code == 500
    assert waited(client, id)["state"] == "done"


def test_a_song_removed_while_it_is_read_does_not_come_back(
    client: TestClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, real = threading.Event(), threading.Event(), desk_module.separate_file

    def slow(*arguments: Any, **options: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return real(*arguments, **options)

    monkeypatch.setattr(desk_module, "separate_file", slow)
    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    assert begun.wait(60)
    assert client.delete(f"/api/songs/{id}", headers=OWN).status_code == 204
    go_on.set()
    assert emptied(folder)
    assert client.get(f"/api/songs/{id}").status_code == 404


def test_many_who_ask_at_once_ask_no_more_than_allowed(desk: Desk, client: TestClient, tmp_path: Path) -> None:
    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    waited(client, id)

    def ask(number: int) -> bool:
        try:
            return desk.ask(id, f"snare {number}") is not None
        except UsageError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(30))) == 12
    assert len(waited(client, id)["asked"]) <= 12


def test_who_asks_for_too_much_at_once_is_told_so(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow(*_: object) -> list[object]:
        begun.release()
        assert go_on.wait(60)
        return []

    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    waited(client, id)
    monkeypatch.setattr(Desk, "sounds", slow)
    with client, ThreadPoolExecutor(12) as pool:
        codes = [pool.submit(lambda: client.get(f"/api/songs/{id}/sounds").status_code) for _ in range(12)]
        assert begun.acquire(timeout=60)
        assert client.get("/api/desk").status_code == 200, "the rest is answered"
        while sum(code.done() for code in codes) < 4:
            time.sleep(0.01)
        go_on.set()
        assert sorted(code.result() for code in codes) == [200] * 8 + [503] * 4


def test_mixes_that_are_being_made_count(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow(_: object) -> Iterator[bytes]:
        begun.release()
        assert go_on.wait(60)
        yield b"sound"

    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    waited(client, id)
    monkeypatch.setattr(views, "mixed", slow)
    with client, ThreadPoolExecutor(12) as pool:
        codes = [pool.submit(lambda: client.get(f"/api/songs/{id}/mix?drums=1").status_code) for _ in range(12)]
        assert begun.acquire(timeout=60)
        while sum(code.done() for code in codes) < 4:
            time.sleep(0.01)
        go_on.set()
        assert sorted(code.result() for code in codes) == [200] * 8 + [503] * 4
    assert client.get(f"/api/songs/{id}/mix?drums=1").status_code == 200


def test_other_sites_change_nothing(client: TestClient, tmp_path: Path) -> None:
    content, _ = song_bytes(tmp_path, 0.1)
    assert client.post("/api/songs", content=content).status_code == 403
    id = uploaded(client, content)
    assert client.delete(f"/api/songs/{id}").status_code == 403
    assert client.post(f"/api/songs/{id}/asked", json={"text": "snare"}).status_code == 403
    assert client.get("/api/desk", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/api/desk", headers={"Host": "testserver:8000"}).status_code == 200
    assert client.get("/api/desk", headers={"Host": "["}).status_code == 403
    assert "default-src 'self'" in client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize("id", ["..", "%2e%2e", "..%2f..%2fetc", "x" * 22, "A" * 21 + "/", "nul%00l"])
def test_nothing_but_songs_is_found(client: TestClient, id: str, tmp_path: Path) -> None:
    (tmp_path / "song.json").write_text("{}")
    for rest in ("", "/outlines", "/stems/x"):
        assert client.get(f"/api/songs/{id}{rest}").status_code == 404


def test_only_what_the_report_names_is_served(client: TestClient, tmp_path: Path) -> None:
    id = uploaded(client, song_bytes(tmp_path, 0.1)[0])
    waited(client, id)
    for name in ("unbraid.json", "..%2fupload", "../upload", "vocals.flac", ""):
        assert client.get(f"/api/songs/{id}/stems/{name}").status_code == 404


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and "unbraid" in page.text
    static = Path(desk_module.__file__).parent / "static"
    names = sorted(path.name for path in static.iterdir())
    assert names == ["api.js", "desk.css", "icon.svg", "index.html", "main.js", "player.js", "songs.js", "tracks.js"]
    for name in names:
        text = client.get(f"/{name}").text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text


def test_sounds_are_told_by_what_can_hear(folder: Path, client: TestClient, tmp_path: Path) -> None:
    id = uploaded(client, song_bytes(tmp_path, 0.5)[0])
    waited(client, id)
    answer = client.get(f"/api/songs/{id}/sounds")
    assert answer.status_code == 500 and "does not tell what is in a song" in answer.json()["error"]


def test_the_bundled_model_tells_what_it_hears(folder: Path, tmp_path: Path, bundled: Model) -> None:
    desk = Desk(bundled, folder, Limits())
    try:
        client = TestClient(app_for(desk, None))
        id = uploaded(client, song_bytes(tmp_path, 0.5)[0])
        waited(client, id)
        heard = client.get(f"/api/songs/{id}/sounds").json()
        assert {"name", "stem", "presence"} == set(heard[0]) and len(heard) > 40
    finally:
        desk.close()


@pytest.fixture
def bundled() -> Model:
    from unbraid.api import load

    return load("compact")

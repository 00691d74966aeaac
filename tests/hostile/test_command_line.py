"""The command line against files, disks and signals that go wrong: one line, the right exit code, nothing left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.api.conftest import noise, write_song
from tests.runtime.graphs import write_graph


def unbraid(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "unbraid", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return write_graph(folder, "mask").with_suffix(".onnx")


def leftovers(folder: Path) -> list[str]:
    """Files that are neither stems nor manifests."""
    names = (path.name for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name not in ("vocals.wav", "rest.wav", "unbraid.json")]


def test_one_bad_song_does_not_stop_the_others(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "in" / "a.wav", noise(0.2))
    write_song(tmp_path / "in" / "c.wav", noise(0.2))
    (tmp_path / "in" / "b.mp3").write_text("these are words, no sound")
    run = unbraid("separate", "in", "-m", toy, "--json", cwd=tmp_path)
    assert run.returncode == 1
    done = [json.loads(line) for line in run.stdout.splitlines()]
    assert [Path(each["song"]).name for each in done] == ["a.wav", "c.wav"]
    assert "b.mp3" in run.stderr
    assert "Traceback" not in run.stderr
    assert not leftovers(tmp_path / "separated")
    assert not (tmp_path / "separated" / "toy" / "b").exists()


def test_the_json_object_of_a_song(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "song.wav", noise(0.5))
    run = unbraid("song.wav", "-m", toy, "--json", "-o", "out", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    (told,) = map(json.loads, run.stdout.splitlines())
    assert told["song"] == "song.wav"
    assert told["model"] == "toy"
    assert told["seconds"] == 0.5
    assert told["residual_db"] is None or told["residual_db"] < -100
    assert set(told["stems"]) == {"vocals", "rest"}
    for entry in told["stems"].values():
        assert (tmp_path / entry["file"]).is_file()
        assert entry["peak_dbfs"] < 0
        assert entry["lufs"] < 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.wav", b"", "empty"),
        ("words.mp3", b"these are words, no sound" * 40, "words.mp3"),
        ("none.wav", None, "none.wav"),
    ],
)
def test_what_is_no_song(tmp_path: Path, toy: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    run = unbraid(name, "-m", toy, cwd=tmp_path)
    assert run.returncode == 1
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "separated").exists() or not list((tmp_path / "separated").rglob("*.*"))


def test_a_song_of_no_samples_and_a_folder_of_no_songs(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "zero.wav", np.zeros((2, 0), np.float32))
    (tmp_path / "folder").mkdir()
    for name in ("zero.wav", "folder"):
        run = unbraid(name, "-m", toy, cwd=tmp_path)
        assert run.returncode == 1
        assert name in run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depth", "12"], "12"),
        (["--from", "soon"], "soon"),
        (["--stems", "harp"], "harp"),
        (["--nosuch"], "nosuch"),
        (["--filename", "../{stem}"], "template"),
        (["-m", "nosuch"], "nosuch"),
        (["--karaoke", "--two-stems", "rest"], "karaoke"),
    ],
)
def test_bad_usage_is_told_with_exit_code_2(tmp_path: Path, toy: Path, words: list[str], message: str) -> None:
    write_song(tmp_path / "song.wav", noise(0.1))
    model = [] if "-m" in words else ["-m", str(toy)]
    run = unbraid("separate", "song.wav", *model, *words, cwd=tmp_path)
    assert run.returncode == 2, run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_a_broken_model_file_is_told(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "song.wav", noise(0.1))
    toy.write_bytes(toy.read_bytes()[:-10])
    run = unbraid("song.wav", "-m", toy, cwd=tmp_path)
    assert run.returncode == 1
    assert "toy.onnx" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "song.wav", noise(0.1))
    (tmp_path / "file").write_text("in the way")
    for out in ("/proc/unbraid", "file/out"):
        run = unbraid("song.wav", "-m", toy, "-o", out, cwd=tmp_path)
        assert run.returncode == 1
        assert "cannot write here" in run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "name", ["a song with spaces.wav", "🎸 höre ű.wav", "x" * 246 + ".wav", "-dash.wav", "[red]x[/red].wav"]
)
def test_odd_names_work(tmp_path: Path, toy: Path, name: str) -> None:
    song = write_song(tmp_path / "in" / name, noise(0.1))
    run = unbraid("separate", "in", "-m", toy, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "separated" / "toy" / song.stem / "vocals.wav").is_file()


def test_two_songs_of_one_name(tmp_path: Path, toy: Path) -> None:
    for folder in ("one", "two"):
        write_song(tmp_path / folder / "song.wav", noise(0.1))
    run = unbraid("separate", "one", "two", "-m", toy, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert sorted(p.name for p in (tmp_path / "separated" / "toy").iterdir()) == ["one - song", "two - song"]


def start_long(tmp_path: Path, toy: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run over a short and a very long song, once the short one is done and the long one under way."""
    write_song(tmp_path / "in" / "a.wav", noise(0.2))
    write_song(tmp_path / "in" / "b.wav", noise(400.0, 8000, 1), 8000, "PCM_16")
    command = [sys.executable, "-m", "unbraid", "separate", "in", "-m", str(toy), "--overlap", "0.9"]
    run = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background lets them inherit signals that are ignored.
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)],
    )
    out = tmp_path / "separated"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and run.poll() is None:
        spools = list(out.glob(".unbraid-*/vocals.f32"))
        if (out / "toy" / "a" / "unbraid.json").exists() and spools and spools[0].stat().st_size > 100_000:
            return run, out
        time.sleep(0.02)
    raise AssertionError(f"the run ended too soon: {run.communicate()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(tmp_path: Path, toy: Path, number: signal.Signals) -> None:
    run, out = start_long(tmp_path, toy)
    run.send_signal(number)
    _, told = run.communicate(timeout=20)
    assert run.returncode == 128 + number
    assert "Traceback" not in told
    assert ("stopped; what is done is kept" in told) == (number == signal.SIGINT)
    assert not leftovers(out)
    assert not list(out.glob(".unbraid-*"))
    assert not (out / "toy" / "b").exists()


def test_after_a_kill_the_same_command_finishes_the_rest(tmp_path: Path, toy: Path) -> None:
    run, out = start_long(tmp_path, toy)
    run.kill()
    run.communicate()
    assert list(out.glob(".unbraid-*")), "a killed run cannot tidy up"
    stamp = (out / "toy" / "a" / "vocals.wav").stat().st_mtime_ns
    write_song(tmp_path / "in" / "b.wav", noise(0.5))
    again = unbraid("separate", "in", "-m", toy, "--overlap", "0.9", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (out / "toy" / "a" / "vocals.wav").stat().st_mtime_ns == stamp
    assert (out / "toy" / "b" / "vocals.wav").is_file()
    assert not list(out.glob(".unbraid-*"))
    assert not leftovers(out)


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="mounting a small disk needs root")
def test_a_full_disk_is_told_and_left_clean(tmp_path: Path, toy: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        write_song(tmp_path / "song.wav", noise(20.0))
        run = unbraid("song.wav", "-m", toy, "-o", disk, cwd=tmp_path)
        assert run.returncode == 1
        assert "No space left" in run.stderr
        assert "Traceback" not in run.stderr
        assert not [path for path in disk.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_taken_apart_into_itself_is_not_taken_apart_twice(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "album" / "a.wav", noise(0.2))
    for out in ("separated", "separated", "."):
        run = unbraid(".", "-m", toy, "-o", out, "--json", cwd=tmp_path / "album")
        assert run.returncode == 0, run.stderr
        assert [json.loads(line)["song"] for line in run.stdout.splitlines()] == ["a.wav"]


def test_a_template_that_would_lose_a_song_is_refused(tmp_path: Path, toy: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_song(tmp_path / name, noise(0.2))
    run = unbraid("a.wav", "b.wav", "-m", toy, "--filename", "{stem}.{ext}", cwd=tmp_path)
    assert run.returncode == 2
    assert "put {track} into it" in run.stderr
    assert not (tmp_path / "separated").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_stops_nothing(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "in" / "z.wav", noise(0.2))
    write_song(tmp_path / "in" / "bad.wav", noise(0.2)).rename(tmp_path / "in" / os.fsdecode(b"bad\xff\xfe.wav"))
    os.mkfifo(tmp_path / "in" / "pipe.wav")
    run = unbraid("in", "-m", toy, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "separated").rglob("vocals.wav"))) == 2
    assert "2 songs done" in run.stderr


def test_an_empty_argument_is_not_this_folder(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / "a.wav", noise(0.2))
    run = unbraid("separate", "", "-m", toy, cwd=tmp_path)
    assert run.returncode == 2 and "empty" in run.stderr
    assert not (tmp_path / "separated").exists()


def test_a_device_is_no_song(tmp_path: Path, toy: Path) -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    run = unbraid("/dev/zero", "-m", toy, cwd=tmp_path)
    assert run.returncode == 1 and "/dev/zero: is no" in run.stderr


def test_paths_are_not_broken_into_lines_for_what_reads_them(tmp_path: Path, toy: Path) -> None:
    write_song(tmp_path / ("a" * 120 + ".wav"), noise(0.2))
    run = unbraid("a" * 120 + ".wav", "-m", toy, cwd=tmp_path)
    assert f"separated/toy/{'a' * 120}/vocals.wav" in run.stdout
    assert run.stderr == ""


def test_songs_by_list_over_a_cluster(tmp_path: Path, toy: Path) -> None:
    pytest.importorskip("ray")
    for name in "ab":
        write_song(tmp_path / "in" / f"{name}.wav", noise(0.2))
    (tmp_path / "in" / "c.mp3").write_text("these are words, no sound")
    (tmp_path / "list.txt").write_text(f"in/a.wav\n{'x' * 300}\nin/b.wav\nin/c.mp3\n")
    words = ("separate", "--songs-from", "list.txt", "-m", toy, "--json", "--cores", "1", "--cluster", "local")
    run = unbraid(*words, cwd=tmp_path)
    assert run.returncode == 1
    assert {json.loads(line)["song"] for line in run.stdout.splitlines()} == {"in/a.wav", "in/b.wav"}
    assert "c.mp3: is not a sound file" in run.stderr and "xxx: cannot be looked at (File name too long)" in run.stderr
    assert "Traceback" not in run.stderr
    assert not leftovers(tmp_path / "separated")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no song was given"),
        (("--songs-from", "none.txt"), "no list of songs"),
        (("song.wav", "--cluster", "127.0.0.1:1"), "no Ray cluster at"),
        (("song.wav", "--list-sounds", "--cluster", "local"), "leave out --cluster"),
        (("song.wav", "--cores", "0"), "cores"),
        (("song.wav", "--cluster="), "no address of a cluster"),
    ],
)
def test_songs_and_machines_that_are_not_there(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    write_song(tmp_path / "song.wav", noise(0.1))
    run = unbraid("separate", *words, cwd=tmp_path)
    assert run.returncode == 2
    assert says in run.stderr and "Traceback" not in run.stderr


def test_cores_said_in_a_way_that_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_CORES", "many")
    run = unbraid("doctor", cwd=tmp_path)
    assert run.returncode == 2 and "UNBRAID_CORES is 'many'" in run.stderr

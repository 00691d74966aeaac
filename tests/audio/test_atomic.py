"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.audio.sounds import noise
from unbraid.audio.atomic import AtomicFile, sweep
from unbraid.audio.formats import Format
from unbraid.audio.stem_mp4 import ORDER, write_stem_mp4
from unbraid.audio.write import write_audio
from unbraid.errors import OutputError
from unbraid.signal import Samples

LOUD = np.random.default_rng(0).normal(0, 0.3, (2, 120_000)).astype(np.float32)
FORMATS: tuple[Format, ...] = get_args(Format)


def breaking_off(error: type[BaseException]) -> Iterator[Samples]:
    yield noise(50_000)
    raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("format", FORMATS)
def test_an_exception_in_the_middle_leaves_nothing(tmp_path: Path, format: Format, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write_audio(tmp_path / "a", breaking_off(error), 44100, 2, format=format)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("older")
    with pytest.raises(RuntimeError):
        write_audio(tmp_path / "a.wav", breaking_off(RuntimeError), 44100, 2, format="wav")
    assert (tmp_path / "a.wav").read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with AtomicFile(tmp_path / "a") as atomic:
        atomic.file.write(b"half")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"half"


def test_overwriting_can_be_forbidden(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("older")
    with pytest.raises(OutputError, match=r"a\.wav: exists already"):
        write_audio(tmp_path / "a.wav", [noise(10)], 44100, 2, format="wav", overwrite=False)
    assert (tmp_path / "a.wav").read_text() == "older"
    write_audio(tmp_path / "a.wav", [noise(10)], 44100, 2, format="wav")
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFF"


class FullDisk:
    """A file on a disk with room for so many bytes."""

    def __init__(self, path: Path, room: int) -> None:
        self._file, self._room = path.open("x+b"), room

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 3000, 40_000])
@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], format: Format, room: int
) -> None:
    def create(folder: Path) -> tuple[Path, FullDisk]:
        path = folder / ".unbraid-0.part"
        return path, FullDisk(path, room)

    monkeypatch.setattr("unbraid.audio.atomic._create", create)
    with pytest.raises(OutputError, match=r"a: cannot be written \(No space left on device\)") as caught:
        write_audio(tmp_path / "a", [LOUD], 44100, 2, format=format)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def little_room() -> Iterator[None]:
    """The system itself refuses every file beyond 50 kB, as a full disk would."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("format", FORMATS)
def test_what_the_system_refuses_is_said_and_leaves_nothing(tmp_path: Path, format: Format) -> None:
    with pytest.raises(OutputError, match="a: cannot be written"):
        write_audio(tmp_path / "a", [LOUD], 44100, 2, format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("little_room")
def test_a_stem_file_that_finds_no_room(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_stem_mp4(tmp_path / "a", [LOUD], {name: [LOUD] for name in ORDER}, 44100, 2)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"a\.wav: cannot be written \(Permission denied\)"):
        write_audio(tmp_path / "a.wav", [noise(10)], 44100, 2, format="wav")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"a\.wav: cannot be written \(Permission denied\)"):
        write_audio(tmp_path / "a.wav", [noise(10)], 44100, 2, format="wav")
    tmp_path.chmod(0o700)


def test_names_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("x" * 300, "nowhere/a.wav", "folder"):
        with pytest.raises(OutputError) as caught:
            write_audio(tmp_path / name, [noise(10)], 44100, 2, format="wav")
        assert name in str(caught.value)


def test_what_a_killed_writer_left_is_swept_and_a_living_one_is_spared(tmp_path: Path) -> None:
    code = """
import os, sys
from unbraid.audio.atomic import AtomicFile
AtomicFile(sys.argv[1]).file.write(b"half")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.wav")], check=False)
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    with AtomicFile(tmp_path / "b.wav") as living:
        assert sweep(tmp_path) == left
        assert list(tmp_path.iterdir()) == [living.temporary]
    assert list(tmp_path.iterdir()) == [tmp_path / "b.wav"]

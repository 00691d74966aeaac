"""Fetching against a server on this machine that cuts, lies, refuses and is slow."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from tests.zoo.server import Behaviour, serving
from unbraid.errors import ModelError, OutputError, UsageError
from unbraid.zoo import fetch as module
from unbraid.zoo.bag import Bag
from unbraid.zoo.catalogue import Address, Entry, Weights
from unbraid.zoo.fetch import fetch, fetch_weights, folder_in

CONTENT = np.random.default_rng(0).bytes(700_000)
SUM = hashlib.sha256(CONTENT).hexdigest()
NAME = "aaaa-bbbb.th"


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (module.MIRROR, "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def at(*urls: str, sha256: str = SUM, size: int | None = len(CONTENT)) -> Weights:
    return Weights("aaaa", tuple(Address(f"{url}/{NAME}", sha256, size) for url in urls))


def files(home: Path) -> set[str]:
    folder = folder_in(home)
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.exists() else set()


def test_a_file_comes_once_and_is_checked(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []
    behaviour = Behaviour({NAME: CONTENT})
    with serving(behaviour) as url:
        path = fetch_weights(at(url), tmp_path, on_bytes=lambda *news: heard.append(news))
        assert fetch_weights(at(url), tmp_path) == path
    assert path.read_bytes() == CONTENT
    assert len(behaviour.asked) == 1
    assert files(tmp_path) == {NAME}
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert heard[-1] == (NAME, len(CONTENT), len(CONTENT))


def test_the_beginning_of_a_sum_is_enough(tmp_path: Path) -> None:
    with serving(Behaviour({NAME: CONTENT})) as url:
        assert fetch_weights(at(url, sha256=SUM[:8], size=None), tmp_path).read_bytes() == CONTENT


def test_a_cut_connection_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, cut=[300_000, 100_000])
    with serving(behaviour) as url:
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT
    assert [first for _, first in behaviour.asked] == [0, 300_000, 400_000]


def test_what_an_earlier_run_left_is_used_by_the_next(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, cut=[1000, 1000, 1000])
    with serving(behaviour) as url:
        with pytest.raises(ModelError, match="the connection ended after 3000 of 700000 bytes"):
            fetch_weights(at(url), tmp_path)
        assert files(tmp_path) == {f"{NAME}.part"}
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT
    assert behaviour.asked[-1] == (NAME, 3000)


def test_a_server_that_cannot_go_on_begins_again(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, cut=[1000], ranges=False)
    with serving(behaviour) as url:
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"of another file" * 9, CONTENT + b"and more", CONTENT], ids=["other", "long", "all"])
def test_leftovers_never_spoil_the_file(left: bytes, tmp_path: Path) -> None:
    folder_in(tmp_path).mkdir()
    (folder_in(tmp_path) / f"{NAME}.part").write_bytes(left)
    with serving(Behaviour({NAME: CONTENT})) as url:
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT
    assert files(tmp_path) == {NAME}


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", b"<html>please log in</html>"], ids=["one byte", "a page"])
def test_a_wrong_checksum_leaves_nothing(content: bytes, tmp_path: Path) -> None:
    with serving(Behaviour({NAME: content})) as url, pytest.raises(ModelError) as caught:
        fetch_weights(at(url, size=None), tmp_path)
    assert files(tmp_path) == set()
    assert SUM[:12] in str(caught.value)
    assert str(folder_in(tmp_path)) in str(caught.value)


def test_more_bytes_than_there_should_be_are_not_written(tmp_path: Path) -> None:
    with serving(Behaviour({NAME: CONTENT * 2})) as url, pytest.raises(ModelError, match="more than the 700000 bytes"):
        fetch_weights(at(url), tmp_path)
    assert NAME not in files(tmp_path)
    assert (folder_in(tmp_path) / f"{NAME}.part").stat().st_size <= len(CONTENT)


def test_a_size_that_no_model_has_is_refused_before_a_byte(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, length=1 << 50)
    with serving(behaviour) as url, pytest.raises(ModelError, match="which no model is"):
        fetch_weights(at(url, size=None), tmp_path)
    assert files(tmp_path) == set()


def test_the_next_place_is_tried(tmp_path: Path) -> None:
    good = Behaviour({NAME: CONTENT})
    with serving(Behaviour({}, status=503)) as broken, serving(good) as url:
        assert fetch_weights(at("http://127.0.0.1:9", broken, url), tmp_path).read_bytes() == CONTENT


def test_no_network_says_what_failed_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the network failed .*UNBRAID_MIRROR or https_proxy.* by hand"):
        fetch_weights(at("http://127.0.0.1:9"), tmp_path)
    assert files(tmp_path) == set()


def test_offline_says_what_to_copy_where(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        fetch_weights(at("http://127.0.0.1:9"), tmp_path, offline=True)
    assert f"copy http://127.0.0.1:9/{NAME} to {folder_in(tmp_path) / NAME}" in str(caught.value)
    assert not folder_in(tmp_path).exists()
    folder_in(tmp_path).mkdir()
    (folder_in(tmp_path) / NAME).write_bytes(CONTENT)
    assert fetch_weights(at("http://127.0.0.1:9"), tmp_path, offline=True).read_bytes() == CONTENT


def test_a_file_that_changed_on_the_disk_is_fetched_again(tmp_path: Path) -> None:
    with serving(Behaviour({NAME: CONTENT})) as url:
        path = fetch_weights(at(url), tmp_path)
        path.write_bytes(CONTENT[:-1] + b"x")
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_mirror_comes_first(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    behaviour = Behaviour({f"weights/{NAME}": CONTENT})
    with serving(behaviour) as url:
        monkeypatch.setenv(module.MIRROR, f"{url}/weights/" if scheme == "http" else tmp_path.as_uri())
        fetched = fetch_weights(at("http://127.0.0.1:9/models"), tmp_path / "home")
    assert fetched.read_bytes() == CONTENT
    assert len(behaviour.asked) == (1 if scheme == "http" else 0)


def test_a_mirror_that_is_no_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.MIRROR, "mirror.example")
    with pytest.raises(UsageError, match=r"mirror\.example"):
        fetch_weights(at("http://127.0.0.1:9"), tmp_path)


def test_a_proxy_of_the_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    behaviour = Behaviour({f"http://models.invalid/{NAME}": CONTENT})
    with serving(behaviour) as url:
        monkeypatch.setenv("http_proxy", url)
        assert fetch_weights(at("http://models.invalid"), tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == [(f"http://models.invalid/{NAME}", 0)]


WORKER = """
import sys
from pathlib import Path
from unbraid.zoo.catalogue import Address, Weights
from unbraid.zoo.fetch import fetch_weights
url, home, name, sha = sys.argv[1:]
print(fetch_weights(Weights("aaaa", (Address(f"{url}/{name}", sha),)), Path(home)))
"""


def test_two_processes_at_once_fetch_once(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, delay_s=1.0)
    with serving(behaviour) as url:
        command = [sys.executable, "-c", WORKER, url, str(tmp_path), NAME, SUM]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        answers = [each.communicate(timeout=60)[0].strip() for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert answers == [str(folder_in(tmp_path) / NAME)] * 2
    assert len(behaviour.asked) == 1
    assert files(tmp_path) == {NAME}


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    behaviour = Behaviour({NAME: CONTENT}, delay_s=30.0)
    with serving(behaviour) as url:
        command = [sys.executable, "-c", WORKER, url, str(tmp_path), NAME, SUM]
        with subprocess.Popen(command) as victim:
            while not behaviour.asked:
                assert victim.poll() is None
            victim.kill()
        behaviour.delay_s = 0.0
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT


class FullDisk:
    """A file that takes ``room`` bytes and then says what a full disk says."""

    def __init__(self, file: IO[bytes], room: int) -> None:
        self._file, self._room = file, room

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        if len(data) > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._room -= len(data)
        return self._file.write(data)


def test_a_disk_that_fills_up_keeps_what_came_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = Path.open

    def crowded(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        file = real(path, mode, *rest, **options)
        return FullDisk(file, 300_000) if path.suffix == ".part" and mode in ("wb", "ab") else file

    with serving(Behaviour({NAME: CONTENT})) as url:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", crowded)
            with pytest.raises(OutputError, match="No space left"):
                fetch_weights(at(url), tmp_path)
        assert NAME not in files(tmp_path)
        assert fetch_weights(at(url), tmp_path).read_bytes() == CONTENT


def test_too_little_room_is_told_before_a_byte_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    with serving(Behaviour({NAME: CONTENT})) as url, pytest.raises(OutputError, match="UNBRAID_HOME"):
        fetch_weights(at(url), tmp_path)
    assert files(tmp_path) == set()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch_weights(at("http://127.0.0.1:9"), tmp_path / "home")


def test_a_bag_comes_in_its_own_order(tmp_path: Path) -> None:
    contents = {f"{name}-0.th": name.encode() * 100 for name in "abc"}
    with serving(Behaviour(contents)) as url:
        members = tuple(
            Weights(name[0], (Address(f"{url}/{name}", hashlib.sha256(content).hexdigest()),))
            for name, content in contents.items()
        )
        entry = Entry("bag", "three", ("x",), members, Bag(("a", "b", "c")))
        assert [path.name for path in fetch(entry, tmp_path)] == list(contents)

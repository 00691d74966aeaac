from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from unbraid.errors import OutputError
from unbraid.zoo import find as module
from unbraid.zoo.bag import Bag
from unbraid.zoo.catalogue import Address, Entry, Weights
from unbraid.zoo.fetch import fetch, folder_in
from unbraid.zoo.find import search, take, usual_folders

CONTENT = b"weights" * 1000
OTHER = b"other weights" * 1000


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> tuple[Entry, ...]:
    def weights(signature: str, content: bytes) -> Weights:
        url = "https://models.invalid"
        digest = hashlib.sha256(content).hexdigest()
        return Weights(
            signature,
            (
                Address(f"{url}/{signature}.safetensors", "0" * 64),
                Address(f"{url}/{signature}-{digest[:8]}.th", digest, len(content)),
            ),
        )

    first, second = weights("aaaa", CONTENT), weights("bbbb", OTHER)
    made = (
        Entry("one", "", ("x",), (first,), Bag(("aaaa",))),
        Entry("both", "", ("x",), (first, second), Bag(("aaaa", "bbbb"))),
    )
    monkeypatch.setattr(module, "entries", lambda: made)
    return made


def name_of(content: bytes, signature: str) -> str:
    return f"{signature}-{hashlib.sha256(content).hexdigest()[:8]}.th"


def test_files_are_found_by_name_and_taken_by_checksum(tmp_path: Path, catalogue: tuple[Entry, ...]) -> None:
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / name_of(CONTENT, "aaaa")).write_bytes(CONTENT)
    (folder / name_of(OTHER, "bbbb")).write_bytes(OTHER[:-1] + b"!")
    (folder / "bbbb.safetensors").write_bytes(b"not it")
    found = list(search([tmp_path]))
    assert [(each.path.name, each.models) for each in found] == [(name_of(CONTENT, "aaaa"), ("one", "both"))]
    assert take(found[0], tmp_path / "home").read_bytes() == CONTENT
    assert [path.read_bytes() for path in fetch(catalogue[0], tmp_path / "home", offline=True)] == [CONTENT]


def test_the_same_weights_in_two_places_are_found_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name_of(CONTENT, "aaaa")).write_bytes(CONTENT)
    assert len(list(search([tmp_path / "a", tmp_path / "b"]))) == 1


def test_links_of_the_hugging_face_cache_are_followed_and_survive_it(tmp_path: Path) -> None:
    blob = tmp_path / "blobs" / "0123"
    blob.parent.mkdir()
    blob.write_bytes(CONTENT)
    snapshot = tmp_path / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    (snapshot / name_of(CONTENT, "aaaa")).symlink_to(blob)
    (found,) = search([tmp_path / "snapshots"])
    taken = take(found, tmp_path / "home")
    blob.unlink()
    assert taken.read_bytes() == CONTENT


def test_a_disk_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name_of(CONTENT, "aaaa")).write_bytes(CONTENT)
    (found,) = search([tmp_path])

    def refuse(*_: object) -> None:
        raise OSError("links are not for this disk")

    monkeypatch.setattr(os, "link", refuse)
    taken = take(found, tmp_path / "home")
    assert taken.read_bytes() == CONTENT
    assert taken.stat().st_nlink == 1


def test_a_file_that_changes_meanwhile_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / name_of(CONTENT, "aaaa")
    path.write_bytes(CONTENT)
    (found,) = search([tmp_path])
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(OutputError, match="changed"):
        take(found, tmp_path / "home")
    assert list(folder_in(tmp_path / "home").iterdir()) == []


def test_the_usual_folders_follow_the_settings_of_their_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    snapshots = tmp_path / "hf" / "hub" / "models--adefossez--HTDemucs" / "snapshots"
    snapshots.mkdir(parents=True)
    assert {tmp_path / "torch" / "hub" / "checkpoints", snapshots} <= set(usual_folders())

"""Audio on the disk."""

import os
from pathlib import Path

import numpy as np
import pytest

from unbraid.engine.spool import Spool
from unbraid.errors import OutputError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).standard_normal((3, 1000)).astype(np.float32)
    with Spool(tmp_path / "a", 3) as spool:
        for start in range(0, 1000, 300):
            spool.append(samples[:, start : start + 300])
        assert (spool.length, spool.channels) == (1000, 3)
        np.testing.assert_array_equal(spool.read(123, 789), samples[:, 123:789])
        spool.add(500, samples[:, :800])
        assert spool.length == 1300
        np.testing.assert_array_equal(spool.read(500, 1000), samples[:, 500:] + samples[:, :500])
        np.testing.assert_array_equal(spool.read(1000, 1300), samples[:, 500:800])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        Spool(tmp_path / "missing" / "a", 2)


def test_a_full_disk_is_told() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    spool = Spool.__new__(Spool)
    spool._path, spool._channels, spool._length = full, 1, 0
    with full.open("w+b", buffering=0) as spool._file, pytest.raises(OutputError, match="No space left"):
        spool.append(np.ones((1, 10_000), np.float32))


def test_systems_without_reading_by_position_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread")
    monkeypatch.delattr(os, "pwrite")
    test_what_is_written_is_read(tmp_path)

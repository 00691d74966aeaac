"""How many cores are used: what was said, what is left by the system, and what a container may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbraid.engine.cores import CORES, _quota, cores
from unbraid.errors import UsageError


def test_what_was_said_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, "3")
    assert cores() == 3
    monkeypatch.delenv(CORES)
    assert cores() >= 1


@pytest.mark.parametrize("said", ["0", "-1", "all", "1.5", " 2"])
def test_what_is_no_number_of_cores(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, said)
    with pytest.raises(UsageError, match="whole number"):
        cores()


@pytest.mark.parametrize(("limit", "expected"), [("200000 100000", [2]), ("150000 100000", [2]), ("max 100000", [])])
def test_the_share_of_a_container(tmp_path: Path, limit: str, expected: list[int]) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/\n")
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert _quota(tmp_path, own) == expected


def test_a_group_has_the_limits_of_those_it_lies_in(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/pod/box\n")
    (tmp_path / "pod" / "box").mkdir(parents=True)
    (tmp_path / "pod" / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "pod" / "box" / "cpu.max").write_text("400000 100000\n")
    assert sorted(_quota(tmp_path, own)) == [1, 4]


def test_the_first_version_of_groups(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:cpu,cpuacct:/docker/x\n")
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    assert _quota(tmp_path, own) == [3]
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert _quota(tmp_path, own) == []


def test_a_system_without_groups(tmp_path: Path) -> None:
    assert _quota(tmp_path, tmp_path / "none") == []

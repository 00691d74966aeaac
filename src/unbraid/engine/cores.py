"""How many cores this process may use: what its user says, else what the system and its container leave it."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path, PurePosixPath

from unbraid.errors import UsageError

CORES = "UNBRAID_CORES"
"""The environment variable with which a user says it."""

_CGROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """At least 1. Raises UsageError if :data:`CORES` is set to something else than a whole number from 1 on."""
    told = os.environ.get(CORES, "")
    if told:
        if not told.isdecimal() or int(told) < 1:
            raise UsageError(f"{CORES} is {told!r}; give a whole number from 1 on, or unset it")
        return int(told)
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([mine, *_quota()])


def _quota(groups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> list[int]:
    """What a container may use in cores, part of one counted as one; nothing where there is no limit.

    Docker's ``--cpus`` and the limits of Kubernetes leave all cores of the machine in sight and stop a process for the
    rest of each tenth of a second once it has used its share; as many threads as cores would wait for each other.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    mine = next((PurePosixPath(line[3:]) for line in lines if line.startswith("0::")), PurePosixPath("/"))
    limits = [_read(groups / str(group).lstrip("/") / "cpu.max") for group in (mine, *mine.parents)]
    limits.append(_read(groups / "cpu/cpu.cfs_quota_us") + _read(groups / "cpu/cpu.cfs_period_us"))  # version 1
    return [ceil(int(limit[0]) / int(limit[1])) for limit in limits if len(limit) == 2 and limit[0].isdecimal()]


def _read(path: Path) -> list[str]:
    """The words in a file; none if there is no such file."""
    try:
        return path.read_text().split()
    except OSError:
        return []

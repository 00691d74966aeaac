from __future__ import annotations

import os
import subprocess
import sys

import pytest

from unbraid.runtime import heap
from unbraid.runtime.heap import StageHeap, give_back, keep_freed

COUNT = """
import resource, sys
import numpy as np
from unbraid.runtime.heap import give_back, keep_freed
if sys.argv[1] != "given back":
    assert keep_freed()
np.ones(1 << 24, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 24, np.float32)
if sys.argv[1] == "held":
    assert give_back()
    print(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20)
    sys.exit()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    """Pages that the system had to find for ten arrays of 64 MiB, one after the other."""
    # numpy asks for huge pages, of which there may be some or none; small ones can be counted on.
    small = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run([sys.executable, "-c", COUNT, way], capture_output=True, text=True, check=True, env=small)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_kept_memory_is_found_again() -> None:
    assert faults("kept") < 1000 < faults("given back")


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_what_was_kept_can_be_given_back() -> None:
    """MiB that the process holds after arrays of 64 MiB came and went."""
    assert faults("held") < 60


@pytest.mark.skipif(sys.platform == "linux", reason="elsewhere there is nothing to tell the allocator")
def test_other_systems_are_left_alone() -> None:
    assert not keep_freed() and not give_back()


def test_memory_is_kept_only_while_a_song_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(heap, "keep_freed", lambda: done.append("kept"))
    monkeypatch.setattr(heap, "give_back", lambda: done.append("given back"))
    stages = StageHeap()
    for stage in ("", "read", "read", "separate", "separate", "write", "write", "", "read", ""):
        stages.enter(stage)
    assert done == ["kept", "kept", "given back", "given back", "kept", "given back"]

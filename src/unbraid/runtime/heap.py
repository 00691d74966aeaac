"""Memory that a process has freed, kept for its next use.

A net makes and frees arrays of tens of megabytes for every layer. glibc maps each from the system and gives it back,
so the system has to find and zero the same pages over and over: a fifth of HTDemucs' time on one core
(``python -m bench.write heap``). Kept on the heap they are found there.
"""

from __future__ import annotations

import ctypes
import sys

# Names and numbers of mallopt(3), and the values that it begins with.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 128 << 10, _TRIM_THRESHOLD: 128 << 10, _TOP_PAD: 128 << 10}
_MEBIBYTE = 1 << 20


def keep_freed() -> bool:
    """Let this process keep what it frees; whether its allocator can be told so (glibc's can).

    For programs, which know what else runs in their process (the command line, a machine of a cluster): a library must
    not change how its caller's memory is managed. What was freed counts as used until the process ends, or
    :func:`give_back`.
    """
    # One arena, since blocks kept by a thread's own would be of no use to the others.
    return _tell({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 * _MEBIBYTE, _ARENA_MAX: 1})


def give_back() -> bool:
    """Undo :func:`keep_freed` for what comes next, and give back what is free.

    Encoders keep small blocks among large ones that come and go: on a heap that is never given back the small ones nail
    it down, and it grew with the song (3 hours of FLAC took 4.3 GB).
    """
    if not _tell(_USUAL):
        return False
    ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))
    return True


class StageHeap:
    """Keeps what is freed while songs are taken apart, and gives it back while files are written and at the end."""

    def __init__(self) -> None:
        self._stage = ""

    def enter(self, stage: str) -> None:
        """A stage of ``unbraid.engine.progress.Progress``, or "" when all is done. Only a change matters."""
        if stage != self._stage:
            self._stage = stage
            give_back() if stage in ("", "write") else keep_freed()


def _tell(wanted: dict[int, int]) -> bool:
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return all(mallopt(name, value) == 1 for name, value in wanted.items())

"""Memory that a process has freed, kept for its next use.

A net makes and frees arrays of tens of megabytes for every layer. glibc maps each from the system and gives it back,
so the system has to find and zero the same pages over and over: a fifth of HTDemucs' time on one core
(``python -m bench.write heap``). Kept on the heap they are found there.
"""

from __future__ import annotations

import ctypes
import sys

# Names and numbers of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_MEBIBYTE = 1 << 20


def keep_freed() -> bool:
    """Let this process keep what it frees; whether its allocator can be told so (glibc's can).

    For programs, which know what else runs in their process, so no other module calls this: a library must not change
    how its caller's memory is managed. What was freed counts as used until the process ends.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    # One arena, since blocks kept by a thread's own would be of no use to the others.
    wanted = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 * _MEBIBYTE, _ARENA_MAX: 1}
    return all(mallopt(name, value) == 1 for name, value in wanted.items())

"""A folder beside the output for what is not finished: spools and files on their way.

Nothing in it ever has a final name. It is removed at the end of a run, whatever the end; what a killed run left behind
is removed by the next run into the same output folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unbraid.errors import OutputError

_PREFIX = ".unbraid-"
_LOCK = "lock"
_NEW_S, _OLD_S = 0.25, 3600.0


@contextlib.contextmanager
def workdir(out: Path) -> Iterator[Path]:
    """A fresh folder in ``out`` (made if missing), gone when the block is left. Raises OutputError."""
    folder: Path | None = None
    with contextlib.ExitStack() as opened:
        try:
            try:
                out.mkdir(parents=True, exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out))
                lock = opened.enter_context((folder / _LOCK).open("w"))
            except OSError as error:
                raise OutputError(f"{out}: cannot write here ({error.strerror})") from error
            try_lock(lock.fileno())
            _sweep(out, os.fstat(lock.fileno()).st_mtime)
            yield folder
        finally:  # from its first moment on, since Ctrl-C may come in any
            opened.close()  # first: Windows and NFS keep what is open, and the folder with it
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


def check_room(folder: Path, needed: int) -> None:
    """Raises OutputError if the disk of ``folder`` has no room for ``needed`` bytes: now, not after all the work."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder.parent}: the stems need {needed / 2**20:.0f} MiB there meanwhile, {free / 2**20:.0f} are free; "
            "take a part of the song (--from, --to), fewer stems, or another folder"
        )


def _sweep(out: Path, now: float) -> None:
    """Remove the folders of runs that are dead: a live one holds the lock of its folder.

    One that was made just now (``now`` by the clock of the disk, which other machines may share) may be about to.
    """
    for folder in out.glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                old = os.fstat(lock.fileno()).st_mtime < now - _NEW_S
                dead = old and try_lock(lock.fileno())
        except OSError:  # just being made, or not ours to touch, or what a removal left
            with contextlib.suppress(OSError):
                if folder.stat().st_mtime < now - _OLD_S:
                    folder.rmdir()  # which only an empty one is
            continue
        if dead:
            shutil.rmtree(folder, ignore_errors=True)


def try_lock(descriptor: int) -> bool:
    """Take the lock until the file is closed or the process dies; False if another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

"""A file that appears under its name only when it is whole.

It is written under a temporary name in the same folder, brought to the disk, and renamed. Whatever goes wrong before
that, the temporary file is removed; after a kill or a power cut :func:`sweep` finds it. The writer holds a lock on it,
so that sweeping does not take the file from under a living one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from unbraid.audio.say import shown
from unbraid.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed there, which serves as well
    fcntl = None  # type: ignore[assignment]  # the module is absent, and every use asks for that

_PREFIX, _SUFFIX = ".unbraid-", ".part"
_TRIES = 100


class AtomicFile:
    """``file`` is open for writing and reading; :meth:`commit` makes it appear, :meth:`discard` removes it.

    As a context manager it commits, or discards if there was an exception (KeyboardInterrupt included).
    Raises OutputError at once if nothing can be written there, and if ``overwrite`` is False and the name is taken.
    """

    def __init__(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        self.path, self._overwrite, self._open = Path(path), overwrite, True
        try:
            self._check_target()
            self.temporary, self.file = _create(self.path.parent)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _check_target(self) -> None:
        if self.path.is_dir():
            raise OutputError(f"{shown(self.path)}: is a folder; a file was to be written there")
        try:
            self.path.lstat()  # a name that is too long is refused now and not after an hour
        except FileNotFoundError:
            return
        if not self._overwrite:
            raise OutputError(f"{shown(self.path)}: exists already")

    def commit(self) -> None:
        """Bring the file to the disk and rename it."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self._check_target()
            if os.name == "nt":
                self.file.close()
            self.temporary.replace(self.path)
            self._open = False
            self.file.close()
            _sync_folder(self.path.parent)
        except OSError as error:
            self.discard()
            raise cannot_write(self.path, error) from error
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the temporary file, unless it was committed."""
        if self._open:
            self._open = False
            try:
                self.file.close()
            except OSError:
                pass  # what could not be flushed is not wanted any more
            finally:
                self.temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.discard()


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """The error to raise when the system refused a file: file and reason in one line."""
    return OutputError(f"{shown(path)}: cannot be written ({error.strerror or error})")


def sweep(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove the temporary files in ``folder`` whose writer is no more; returns which."""
    removed = []
    for path in sorted(Path(folder).glob(f"{_PREFIX}*{_SUFFIX}")):
        try:
            with path.open("r+b") as file:
                dead = _lock(file)
                if dead and fcntl is not None:
                    path.unlink()  # under the lock, so that no writer takes it for its own meanwhile
            if dead:
                path.unlink(missing_ok=True)  # Windows: only what nobody holds open
                removed.append(path)
        except OSError:
            continue
    return removed


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    for _ in range(_TRIES):
        path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        try:
            file = path.open("x+b")
        except FileExistsError:
            continue
        _lock(file)
        if _is_still(path, file):
            return path, file
        file.close()  # swept between its birth and the lock
    raise OSError(f"no temporary name is free in {folder}")


def _is_still(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lock(file: BinaryIO) -> bool:
    """Take the lock; False if another process has it or the file system knows none."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems cannot; the file itself is on the disk
    finally:
        os.close(handle)

"""What can go wrong through no fault of ours, each with a sentence for the one who reads it.

A message says what was given, what is allowed and what to do. The command line prints it as it is.
"""


class UnbraidError(Exception):
    """The root: everything that unbraid raises on purpose."""


class UsageError(UnbraidError, ValueError):
    """An option or argument that makes no sense, alone or beside another one."""


class AudioError(UnbraidError):
    """A sound file that is missing, unreadable, empty or not what its name says."""


class OutputError(UnbraidError):
    """A result that could not be written: a full disk, a read-only folder, a format that cannot hold it."""


class ModelError(UnbraidError):
    """A model that is unknown, absent, broken, or refused because its file is not safe to read."""


class MissingExtra(UnbraidError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""


class Cancelled(UnbraidError):
    """The caller asked to stop."""

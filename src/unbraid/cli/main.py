"""The command line: parse, call, print. Imports stay inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import typer

from unbraid.cli import data, doctor, evaluate, models, separate, serve, studio, train
from unbraid.errors import MissingExtra, UnbraidError, UsageError
from unbraid.runtime.heap import keep_freed

HELP = """Takes a song apart: vocals, drums, bass, other.

`unbraid SONG` is short for `unbraid separate SONG`."""

OK, FAILED, USAGE = 0, 1, 2
_INTERRUPTED = 128 + signal.SIGINT
# A request to end, and a terminal that was closed (which Windows does not tell by a signal).
_ENDS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
app.command("separate")(separate.command)
app.add_typer(models.app, name="models")
app.command("evaluate")(evaluate.command)
app.command("train")(train.command)
app.add_typer(data.app, name="data")
app.command("studio")(studio.command)
app.command("serve")(serve.command)
app.command("doctor")(doctor.command)


def version(wanted: bool) -> None:
    if wanted:
        from unbraid import __version__

        typer.echo(f"unbraid {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version and stop."),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback when something goes wrong."),
) -> None:
    """Options before the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the ``unbraid`` command; always ends the process."""
    # numpy's matrices here are small, and songs run in callers of one thread each: a second BLAS thread only waits
    # for the first and takes a core from a caller (measured on loudness: 5 ms of CPU a block alone, 19 ms with it).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that are no text, or none in this locale
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if "" in words:  # an unset variable of a shell, which would be taken for the folder one is in
        _say("one of the arguments is empty; leave it out, or say what is meant (. for this folder)")
        _end(USAGE)
    meant = _misspelt(words)
    if meant:
        _say(f"there is no file {words[0]!r} to take apart; did you mean `unbraid {meant}`?")
        _end(USAGE)
    _end(_run(_with_command(words), debug))


def _misspelt(words: list[str]) -> str | None:
    """The command that the first word nearly is, if it is nothing else; more words must follow, or it is a song."""
    if len(words) < 2 or words[0].startswith("-") or words[0] in _commands() or Path(words[0]).suffix:
        return None
    like = difflib.get_close_matches(words[0], _commands(), 1, 0.75)
    return like[0] if like and not os.path.lexists(words[0]) else None


def _commands() -> set[str]:
    named = [*(command.name for command in app.registered_commands), *(group.name for group in app.registered_groups)]
    return {name for name in named if name}


def _with_command(words: list[str]) -> list[str]:
    """Put the command that is meant where none is named."""
    if words and words[0] == "--":
        return ["separate", *words]
    own = ("-h", "--help", "--version")
    if words and words[0] not in own and words[0] not in _commands():
        return ["separate", *words]
    return words


def _run(words: list[str], debug: bool) -> int:
    """Run and return the exit code: 0 done, 1 something failed, 2 bad usage, 128 + n ended by signal n."""
    for number in _ENDS:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored, and is to have its way
            signal.signal(number, _terminate)
    try:
        code = int(app(words, standalone_mode=False, prog_name="unbraid") or OK)
        return _interrupted(words) if code == _INTERRUPTED else code  # what the parser makes of Ctrl-C
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(words)
    except _Terminated as ended:
        return 128 + ended.number
    except BrokenPipeError:
        return FAILED
    except UnbraidError as error:
        if debug:
            raise
        _say(str(error))
        return USAGE if isinstance(error, UsageError | MissingExtra) else FAILED
    except Exception as error:
        return _unexpected(error, debug)


def _unexpected(error: Exception, debug: bool) -> int:
    """Bad usage that the parser found, or a bug of ours: a sentence either way, a traceback only on request."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # the parser's own, a class that typer does not export
        error.show(sys.stderr)
        return USAGE
    if debug:
        raise error
    _say(f"this is a bug in unbraid: {type(error).__name__}: {error} (run again with --debug for the traceback)")
    return FAILED


class _Terminated(BaseException):
    """SIGTERM or SIGHUP, as an exception, so that temporary files are removed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _terminate(number: int, frame: FrameType | None) -> None:
    for each in _ENDS:  # shell and kernel may both send one; what tidies up is not to be disturbed
        signal.signal(each, signal.SIG_IGN)
    raise _Terminated(number)


def _interrupted(words: list[str]) -> int:
    resumes = words[:1] == ["separate"] and "--force" not in words
    _say("stopped; what is done is kept, and the same command does the rest" if resumes else "stopped")
    return _INTERRUPTED


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        typer.echo(f"unbraid: {message}", err=True)


def _end(code: int) -> None:
    """Leave at once: a worker in the middle of a chunk must not hold up an exit that was asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever called us
                stream.flush()
        except (BrokenPipeError, OSError):
            code = code or FAILED
    os._exit(code)

"""What the user sees while songs are taken apart: progress and a closing table, or JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from unbraid.api.presence import LIKELY
from unbraid.runtime.heap import StageHeap

if TYPE_CHECKING:
    from unbraid.api import Job
    from unbraid.api.listen import Heard
    from unbraid.api.manifest import FileReport, Report
    from unbraid.engine.progress import OnProgress
    from unbraid.engine.progress import Progress as Step
    from unbraid.errors import UnbraidError
    from unbraid.zoo.fetch import OnBytes


_WIDE = 1000
_BETTER = "compact is the small model in the package; see `unbraid models` for slower ones that sound better"


class Screen:
    """Progress and messages go to standard error; results to standard output."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._err = Console(stderr=True, highlight=False)
        self._out = Console(stderr=json, highlight=False)
        if not self._out.is_terminal:
            self._out.width = _WIDE  # a path that is broken into lines is no path to what reads it
        self._stopped = False

    def stop_asked(self) -> bool:
        """Whether Ctrl-C has been pressed; asked by the threads that write files."""
        return self._stopped

    @contextlib.contextmanager
    def download(self) -> Iterator[OnBytes]:
        """A progress bar for files that are fetched; nothing is drawn if none is."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._err,
            transient=True,
            disable=not self._err.is_terminal,
        ) as bar:
            tasks: dict[str, TaskID] = {}

            def tell(file: str, there: int, total: int | None) -> None:
                if file not in tasks:
                    tasks[file] = bar.add_task(escape(file), total=total)
                bar.update(tasks[file], completed=there, total=total)

            yield tell

    @contextlib.contextmanager
    def song(self, song: Path) -> Iterator[OnProgress]:
        """A progress bar for one song."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        shown = self._err.is_terminal
        with Progress(*columns, TimeRemainingColumn(), console=self._err, transient=True, disable=not shown) as bar:
            task = bar.add_task(escape(song.name), total=1.0)
            heap = StageHeap()

            def tell(step: Step) -> None:
                heap.enter(step.stage)
                bar.update(task, completed=step.fraction, description=f"{escape(song.name)}  {step.stage}")

            try:
                yield tell
            except BaseException:
                self._stopped = True
                raise
            finally:
                heap.enter("")
                with contextlib.suppress(OSError):  # the terminal may be gone
                    bar.stop()
        self._stopped = False

    def failed(self, error: UnbraidError) -> None:
        self._stopped = False
        self._err.print(f"unbraid: {error}", style="red", markup=False, soft_wrap=True)

    def report(self, job: Job, report: Report) -> None:
        """What became of a song."""
        for warning in report.warnings:
            self._err.print(f"unbraid: {job.song}: {warning}", style="yellow", markup=False, soft_wrap=True)
        if self._json:
            _print_object(as_object(job, report))
        else:
            self._out.print(_table(job, report))

    def heard(self, song: Path, sounds: list[Heard]) -> None:
        """What can be heard in a song, the likeliest first."""
        if self._json:
            _print_object({"song": str(song), "sounds": [asdict(each) for each in sounds]})
            return
        table = Table(title=escape(str(song)), title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in ("sound", "part of", "presence"):
            table.add_column(column, justify="right" if column == "presence" else "left")
        for each in sounds:
            style = "" if each.presence >= LIKELY else "dim"
            table.add_row(each.name, each.stem or "the mix", f"{each.presence:.2f}", style=style)
        self._out.print(table)

    def end(self, songs: int, failed: int, model: str) -> None:
        if songs > 1 or failed:
            done = max(songs - failed, 0)
            self._err.print(f"{done} {'song' if done == 1 else 'songs'} done, {failed} failed", markup=False)
        if model == "compact" and failed < songs:
            self._err.print(_BETTER, style="dim", markup=False, soft_wrap=True)


def _print_object(told: dict[str, object]) -> None:
    """One line of JSON; not through rich, which would wrap it."""
    sys.stdout.write(json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def as_object(job: Job, report: Report) -> dict[str, object]:
    """The JSON object of a song; paths are relative to the working directory where they can be."""
    whole = report.as_json()
    whole["stems"] = {
        name: {**entry.as_json(), "file": _relative(job.out / entry.file)} for name, entry in report.stems.items()
    }
    return whole


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _table(job: Job, report: Report) -> Table:
    title = f"{report.song}  ({_clock(report.seconds)}, {report.model}"
    title += ", done before)" if report.skipped else f", {report.took_s:.1f} s)"
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("stem")
    table.add_column("peak dBFS", justify="right")
    table.add_column("LUFS", justify="right")
    table.add_column("file", overflow="fold")
    if any(entry.query is not None for entry in report.stems.values()):
        table.add_column("asked")
    for name, entry in report.stems.items():
        file = escape(_relative(job.out / entry.file))
        table.add_row(escape(name), _number(entry.peak_dbfs), _number(entry.lufs), file, *_asked(entry))
    table.add_row("residual", _residual(report), "", "of the mix, in none of these files", style="dim")
    if report.gain_db:
        table.add_row("gain", f"{report.gain_db:.1f} dB", "", "on all files alike, so that none clips", style="dim")
    return table


def _asked(entry: FileReport) -> list[str]:
    """How a sound was answered, and how likely it is there."""
    if entry.route is None or entry.presence is None:
        return []
    terms = [
        {"stem": f"the stem {term['stem']}", "part": f"part of {term['stem']}", "mix": "of the mix"}[term["kind"]]
        for term in entry.route["terms"]
    ]
    how = ("mix without " if entry.route["without"] else "") + " + ".join(dict.fromkeys(terms))
    absent = "" if entry.presence >= LIKELY else ", ABSENT"
    return [escape(f"{how}, presence {entry.presence:.2f}{absent}")]


def _residual(report: Report) -> str:
    return "none" if report.residual_db is None else f"{report.residual_db:.1f} dB"


def _number(value: float | None) -> str:
    return "silent" if value is None else f"{value:.1f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"

"""``unbraid train``: a net from a recipe, with a screen that shows how it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from unbraid.train.recipe import Recipe


def command(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE.toml", help="May be left out with --resume.", show_default=False)
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a number: optim.lr=1e-4. Repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of a new run.  [default: runs/NAME OF THE RECIPE]")
    ] = None,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with the run in this folder.")] = None,
) -> None:
    """Train or fine-tune a net on your own stems."""
    from unbraid.errors import MissingExtra, UsageError

    if resume is not None and out is not None:
        raise UsageError("--out is for a new run and --resume for an old one; give one of them")
    if recipe is None and resume is None:
        raise UsageError("give a recipe, such as recipes/compact.toml, or --resume with the folder of a run")
    try:
        from unbraid.train.loop import train
    except ImportError as error:
        raise MissingExtra(f"training needs {error.name}; pip install 'unbraid[train]'") from error
    chosen = _recipe(recipe, resume, changes or [])
    folder = resume or out or Path("runs") / (recipe.stem if recipe else "run")
    screen = _Screen(folder)
    try:
        train(chosen, folder, resume is not None, screen)
    finally:
        screen.close()


def _recipe(path: Path | None, run: Path | None, changes: list[str]) -> Recipe:
    """The recipe in the file, or the one that the run was started with."""
    from unbraid.errors import UsageError
    from unbraid.train import checkpoint
    from unbraid.train.recipe_file import parse, read_recipe

    if path is not None:
        return read_recipe(path, changes)
    assert run is not None
    newest = checkpoint.newest(run)
    if newest is None:
        raise UsageError(f"{run}: holds no run to go on with")
    return parse(checkpoint.read_state(newest)["recipe"], changes, str(run))


class _Screen:
    """Hears of the run's events and draws them on standard error; only the first of several processes hears any."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._loss = self._best = ""

    def __call__(self, event: str, values: dict[str, Any]) -> None:
        bar, task = self._drawn()
        tell = getattr(self, "_" + event.replace(" ", "_"), None)
        if tell is not None:
            tell(bar.console, values)
        share = 1.0 if event == "end" else values.get("share")
        bar.update(task, completed=share, description=f"step {values.get('step', 0)}{self._loss}{self._best}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _drawn(self) -> tuple[Progress, TaskID]:
        if self._bar is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
            console = Console(stderr=True, highlight=False)
            self._bar = Progress(*columns, TimeRemainingColumn(), console=console)
            self._task = self._bar.add_task("starting", total=1.0)
            self._bar.start()
        return self._bar, self._task

    def _start(self, console: Console, values: dict[str, Any]) -> None:
        console.print(f"{values['songs']} songs; run in {self._folder}", markup=False, soft_wrap=True)

    def _step(self, _: Console, values: dict[str, Any]) -> None:
        self._loss = f"  loss {values['loss']:.4f}"

    def _valid(self, console: Console, values: dict[str, Any]) -> None:
        figures = "  ".join(f"{stem} {value:.2f}" for stem, value in values["sdr_db"].items())
        told = f"step {values['step']}: held-out SDR in dB: {figures or 'no held-out songs'}"
        console.print(told, markup=False, soft_wrap=True)
        if "mean" in values["sdr_db"]:
            self._best = f"  SDR {values['sdr_db']['mean']:.2f} dB"

    def _rescan(self, console: Console, values: dict[str, Any]) -> None:
        console.print(f"{values['songs']} songs now, {values['hours']} hours", markup=False)

    def _broken_song(self, console: Console, values: dict[str, Any]) -> None:
        console.print(f"left out: {values['what']}", style="yellow", markup=False, soft_wrap=True)

    def _bad_batch(self, console: Console, values: dict[str, Any]) -> None:
        told = f"step {values['step']}: the loss is not finite; the batch is kept in {values['kept']}"
        console.print(told, style="yellow", markup=False, soft_wrap=True)

    def _end(self, console: Console, values: dict[str, Any]) -> None:
        best = values["best_sdr_db"]
        told = f"done after {values['step']} steps" + (f"; best held-out SDR {best:.2f} dB" if best is not None else "")
        console.print(f"{told}; the net is in {self._folder / 'best'}", markup=False, soft_wrap=True)

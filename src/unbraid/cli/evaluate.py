"""``unbraid evaluate``: models side by side on songs whose stems are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unbraid.cli.options import Device, Offline, Overlap, Runtime

if TYPE_CHECKING:
    from unbraid.evaluate import Entrant


def command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="MUSDB18(-HQ), MoisesDB, Slakh or folders of stems.")],
    model: Annotated[
        list[str] | None, typer.Option("-m", "--model", help="May be given again.  [default: compact]")
    ] = None,
    ask: Annotated[
        list[str] | None, typer.Option("--ask", help="Also a sound in words, where songs have labelled parts.")
    ] = None,
    bounds: Annotated[bool, typer.Option("--bounds", help="Also the mixture itself and the ideal ratio mask.")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Every figure of every song.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="The same as a table.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="The summary.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="A box plot: png, svg or pdf.")] = None,
    scores: Annotated[
        Path, typer.Option(metavar="DIR", help="What is scored is kept here, so that a stopped run goes on.")
    ] = Path("evaluation"),
    jobs: Annotated[int, typer.Option(min=1, help="Songs in work at once.")] = 1,
    overlap: Overlap = None,
    shifts: Annotated[int, typer.Option(min=0, help="As for separate.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="As for separate.")] = 0,
    device: Device = "auto",
    runtime: Runtime = "auto",
    offline: Offline = False,
) -> int:
    """Score models with museval's SDR and others, through the engine that `separate` runs."""
    from unbraid.evaluate import bounds as known_bounds
    from unbraid.evaluate import evaluate, find_tracks, write_reports
    from unbraid.evaluate import model as entrant
    from unbraid.evaluate.report import to_markdown

    tracks = find_tracks(data)
    entrants: list[Entrant] = [
        entrant(
            name,
            overlap=overlap,
            shifts=shifts,
            seed=seed,
            runtime=runtime,  # type: ignore[arg-type]  # loading checks it
            device=device,  # type: ignore[arg-type]  # loading checks it
            offline=offline,
        )
        for name in model or ["compact"]
    ]
    if bounds:
        entrants += known_bounds()
    evaluation = evaluate(tracks, entrants, scores, words=ask or (), jobs=jobs, on_step=_told)
    write_reports(evaluation, str(data), json=json, csv=csv, markdown=markdown, plot=plot)
    typer.echo(to_markdown(evaluation, str(data)))
    heard = {word for scores_of in evaluation.scores.values() for word in scores_of.asked}
    for word in dict.fromkeys(ask or ()):
        if word not in heard:
            typer.echo(f"unbraid: {word!r} has no figure: no song has a part with this label that sounds", err=True)
    for (name, song), reason in evaluation.failed.items():
        typer.echo(f"unbraid: {song}: {name}: {reason}", err=True)
    return 1 if evaluation.failed else 0


def _told(step: object) -> None:
    from unbraid.evaluate import Step

    assert isinstance(step, Step)
    typer.echo(f"{step.done}/{step.of}  {step.song}: {step.entrant}{' failed' if step.error else ''}", err=True)

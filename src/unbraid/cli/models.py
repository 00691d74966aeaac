"""``unbraid models``: what there is to choose from, and where it comes from."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from unbraid.zoo.catalogue import Entry

app = typer.Typer(help="List, show, fetch and find models.", invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """All models by name; an installed one is marked with *."""
    from rich.console import Console
    from rich.table import Table

    from unbraid.zoo.bundled import NAME
    from unbraid.zoo.catalogue import entries

    table = Table(box=None, pad_edge=False)
    for title in ("", "model", "stems", "median SDR", "size", "licence", "what it is"):
        table.add_column(
            title, justify="right" if title in ("median SDR", "size") else "left", no_wrap=title != "what it is"
        )
    table.add_row(
        "*", NAME, "4", "", "in the package", "MIT", "the small one: works at once, see `unbraid models info compact`"
    )
    for entry in entries():
        seen = "†" if entry.musdb_test_seen else ""
        sdr = f"{entry.sdr_db['overall']:.2f}{seen}" if "overall" in entry.sdr_db else seen
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else ""
        installed = "*" if _present(entry) else ""
        table.add_row(installed, entry.name, str(len(entry.stems)), sdr, size, entry.licence, entry.title)
    # Into a pipe, rich would fold lines at 80 columns.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(table)
    console.print(
        "SDR in dB as published by the authors (MUSDB18-HQ unless `models info` says otherwise), not measured here.\n"
        "† was trained on the test set of MUSDB18, so its figures on that say nothing.\n"
        "AudioSep, which answers words alone, is not fetched by unbraid: see `unbraid models info audiosep`.\n"
        "RoFormers, MDX23C, SCNet and MDX-Net go by the paths of their files; `unbraid models find` looks for some."
    )


@app.command()
def info(name: Annotated[str, typer.Argument(help="A name from `unbraid models`.")]) -> None:
    """All that is known of one model."""
    from unbraid.zoo.bundled import NAME, facts_path
    from unbraid.zoo.catalogue import by_hand, find

    if name == NAME:
        _tell(_bundled(json.loads(facts_path().read_text("utf-8"))))
        return
    told = by_hand(name)
    if told is not None:
        typer.echo(told)
        return
    entry = find(name)
    _tell(
        {
            "model": f"{entry.name}: {entry.title}",
            "stems": ", ".join(entry.stems),
            "licence": entry.licence,
            "published SDR": _sdr(entry),
            "bag": f"{len(entry.files)} models" if len(entry.files) > 1 else "one model",
            "installed": "yes" if _present(entry) else "no",
        }
    )
    for file in entry.files:
        for address in file.addresses:
            typer.echo(f"{'from:':15} {address.url}  (SHA-256 {address.sha256[:16]})")


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A name from `unbraid models`.")],
    offline: Annotated[bool, typer.Option("--offline", help="Do not use the network; say what to copy where.")] = False,
) -> None:
    """Fetch a model now, and make it ready for this machine."""
    from unbraid.api import load
    from unbraid.cli.screen import Screen

    with Screen(json=False).download() as on_bytes:
        model = load(name, offline=offline, on_bytes=on_bytes)
    typer.echo(f"{model.name} is ready, run by {model.loaded.runtime}")


@app.command("find")
def find_models(
    folders: Annotated[list[Path] | None, typer.Argument(help="Where else to look.")] = None,
) -> None:
    """Take weights that other programs left on this computer, after a look at their checksum."""
    from unbraid.home import home
    from unbraid.zoo.find import community, search, take, usual_folders

    places = [*(folders or []), *usual_folders()]
    count = 0
    for found in search(places):
        count += 1
        typer.echo(f"{found.path} -> {take(found, home())}  ({', '.join(found.models)})")
    for path in community(places):
        count += 1
        typer.echo(f"{path}  goes by its path: -m {shlex.quote(str(path))}")
    if not count:
        typer.echo("found nothing that unbraid knows")


def _tell(lines: dict[str, str]) -> None:
    for title, text in lines.items():
        typer.echo(f"{title + ':':15} {text}")


def _bundled(facts: dict[str, Any]) -> dict[str, str]:
    """What the package's own model says of itself."""
    training, figures = facts["training"], facts["figures"]
    return {
        "model": f"{facts['name']}: the small one in the package, answers words too; docs/models/compact.md",
        "stems": ", ".join(facts["stems"]),
        "licence": facts["licence"],
        "trained on": f"{training['songs']} songs, {training['audio_s'] / 3600:.0f} h heard ({training['recipe']})",
        "measured SDR": f"{figures['valid_mean_sdr_db']:.2f} dB, mean over stems and held-out songs of our own",
        "rate": f"{facts['rate']} Hz",
        "SHA-256": facts["sha256"],
        "installed": "in the package",
    }


def _present(entry: Entry) -> bool:
    """Whether all files are there, by name: checksums are for when they are opened."""
    from unbraid.home import home
    from unbraid.zoo.fetch import folder_in

    folder = folder_in(home())
    return all(any((folder / each.filename).is_file() for each in file.addresses) for file in entry.files)


def _sdr(entry: Entry) -> str:
    if not entry.sdr_db:
        return "not known"
    told = ", ".join(f"{stem} {value:.2f}" for stem, value in entry.sdr_db.items())
    seen = "; but the test set was among its training data, so this says nothing" if entry.musdb_test_seen else ""
    return f"{told} dB, median on {entry.sdr_on}{seen}"

"""``unbraid data``: look at songs before training, and make more of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unbraid.data.tracks.naming import Naming

app = typer.Typer(help="Check, prepare and multiply songs to train on.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="MUSDB18(-HQ), MoisesDB, Slakh, or song folders.")]
Names = Annotated[
    str | None,
    typer.Option("--stems", metavar="TABLE", help="Names of stems: TOML, or vocals=lead*|vox,other=*."),
]
Kept = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where findings are kept.  [default: DIR/.unbraid]"),
]


@app.command("check")
def check(
    folder: Folder,
    stems: Names = None,
    cache: Kept = None,
    need: Annotated[str, typer.Option(help="Stems that every song must have.")] = "vocals,drums,bass,other",
    json: Annotated[bool, typer.Option("--json", help="Print the faults as JSON.")] = False,
) -> int:
    """Name what is corrupt, misaligned or odd, file by file; exit code 1 if a song cannot be used."""
    from dataclasses import asdict
    from json import dumps

    from unbraid.data.check import Limits, check

    needed = tuple(stem.strip() for stem in need.split(",") if stem.strip())
    found = check(folder, Limits(stems=needed), _naming(stems), cache, None if json else _looked)
    if json:
        faults = [asdict(fault) for fault in found.faults]
        typer.echo(dumps({"songs": found.songs, "hours": found.hours, "unusable": found.unusable, "faults": faults}))
        return 1 if found.unusable else 0
    for fault in found.faults:
        typer.echo(f"{'unusable' if fault.unusable else 'note'}  {fault.kind}  {fault.file}: {fault.what}")
    amounts = ", ".join(
        f"{split} {count} ({found.hours[split]:.2f} h)" for split, count in found.songs.items() if count
    )
    typer.echo(f"{amounts}; {len(found.faults)} remarks, {len(found.unusable)} songs unusable")
    return 1 if found.unusable else 0


@app.command("prepare")
def prepare(folder: Folder, stems: Names = None, cache: Kept = None) -> int:
    """Convert songs to what training reads, once; training does the same by itself when it first meets them."""
    from unbraid.data.tracks.find import SPLITS
    from unbraid.data.tracks.prepare import prepared
    from unbraid.errors import AudioError, UsageError

    broken: list[AudioError] = []
    songs = {split: prepared(folder, split, broken.append, _naming(stems), cache) for split in SPLITS}
    for error in broken:
        typer.echo(f"unbraid: {error}", err=True)
    if not any(songs.values()) and not broken:
        raise UsageError(f"{folder} holds no songs with known stems; see docs/data.md for the layouts, and --stems")
    for split, each in songs.items():
        typer.echo(f"{split}: {len(each)} songs, {sum(song.seconds for song in each) / 3600:.2f} h")
    return 1 if broken else 0


def _naming(given: str | None) -> Naming:
    from unbraid.data.tracks.naming import USUAL, read_naming

    return USUAL if given is None else read_naming(given)


def _looked(song: str, number: int, of: int) -> None:
    typer.echo(f"{number}/{of}  {song}", err=True)

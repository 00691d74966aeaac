"""``unbraid data``: look at songs before training, and make more of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unbraid.data.tracks.naming import Naming
    from unbraid.data.unlabeled.by_separator import Judge
    from unbraid.data.unlabeled.settings import Settings

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

Out = Annotated[Path, typer.Argument(metavar="OUT", help="New songs go to OUT/SPLIT; those there are kept.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed and songs give the same new songs.")]
Split = Annotated[str, typer.Option(help="train, valid or test.")]
Changes = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting of docs/data.md.")]


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


@app.command("automix")
def automix(
    folder: Folder,
    out: Out,
    copies: Annotated[int, typer.Option(min=1, help="New songs for each song.")] = 6,
    seed: Seed = 0,
    split: Split = "train",
    settings: Changes = None,
    stems: Names = None,
    cache: Kept = None,
) -> None:
    """Make new songs from stems of several, brought to one tempo, key and beat."""
    from unbraid.data.automix import Settings, automix
    from unbraid.data.set import changed

    chosen = changed(Settings(copies=copies), settings or [])
    made = automix(folder, out, chosen, seed, split, lambda line: typer.echo(line, err=True), _naming(stems), cache)
    typer.echo(f"{len(made)} songs in {out / split}")


@app.command("effects")
def effects(
    folder: Folder,
    out: Out,
    copies: Annotated[int, typer.Option(min=1, help="New songs for each song.")] = 1,
    seed: Seed = 0,
    split: Split = "train",
    settings: Changes = None,
    stems: Names = None,
    cache: Kept = None,
) -> None:
    """Make songs once more with effects and codecs in them, for GPUs that mix their own examples (run.resident)."""
    from unbraid.data.effected import Settings, effected
    from unbraid.data.set import changed

    chosen = changed(Settings(copies=copies), settings or [])
    made = effected(folder, out, chosen, seed, split, lambda line: typer.echo(line, err=True), _naming(stems), cache)
    typer.echo(f"{len(made)} songs in {out / split}")


@app.command("absent")
def absent(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Songs without stems, any audio files.")],
    table: Annotated[Path, typer.Argument(metavar="TABLE.json", help="Where the excerpts are listed.")],
    learn: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Learn a detector from these songs with stems.")
    ] = None,
    model: Annotated[str | None, typer.Option("-m", "--model", help="Let this model judge instead.")] = None,
    songs: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Also write the excerpts to OUT/train, to train on.")
    ] = None,
    settings: Changes = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what the detector learns from.")] = 0,
) -> None:
    """List excerpts in which a source is silent (Défossez et al. 2019); they teach together with a known stem."""
    from unbraid.data.set import changed
    from unbraid.data.unlabeled.excerpts import find_excerpts, save
    from unbraid.data.unlabeled.settings import Settings
    from unbraid.data.unlabeled.write import write_excerpts
    from unbraid.errors import UsageError

    if (learn is None) == (model is None):
        raise UsageError("give --learn with a folder of songs with stems, or --model with a model, to judge by")
    chosen = changed(Settings(), settings or [])
    judge = _learnt(learn, chosen, seed) if learn is not None else _asked(model or "", chosen)
    found = find_excerpts(folder, judge, chosen, lambda song, told: typer.echo(f"{song}: {told}", err=True))
    save(found, chosen, table)
    if songs is not None:
        write_excerpts(found, songs)
    typer.echo(
        f"{len(found)} excerpts, {sum(each.end_s - each.start_s for each in found) / 60:.1f} minutes, in {table}"
    )


def _learnt(folder: Path, settings: Settings, seed: int) -> Judge:
    """A detector that has learnt from the songs in ``folder``."""
    import numpy as np

    from unbraid.data.tracks import scan
    from unbraid.data.unlabeled.detector import learn

    songs = scan(folder, "train", lambda error: typer.echo(f"left out: {error}", err=True))
    return learn(songs, settings, np.random.default_rng(seed))


def _asked(model: str, settings: Settings) -> Judge:
    """A separator as the judge."""
    from unbraid.api import load
    from unbraid.data.unlabeled.by_separator import by_separator

    return by_separator(load(model).separate, settings)


def _naming(given: str | None) -> Naming:
    from unbraid.data.tracks.naming import USUAL, read_naming

    return USUAL if given is None else read_naming(given)


def _looked(song: str, number: int, of: int) -> None:
    typer.echo(f"{number}/{of}  {song}", err=True)

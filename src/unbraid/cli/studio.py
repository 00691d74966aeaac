"""``unbraid studio``: multitrack songs made from free material, to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PLACE = Path("studio-assets")


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the songs; those that are there are kept.")],
    songs: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Song number N of a seed is always the same.")] = 1,
    assets: Annotated[Path, typer.Option(metavar="DIR", help="What scripts/studio-assets.sh unpacked.")] = _PLACE,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Make songs whose stems and instruments are known, split into train, valid and test."""
    from unbraid.errors import MissingExtra, UsageError

    if not assets.is_dir():
        raise UsageError(
            f"{assets} is not a folder; the studio plays with what free packages hold: "
            f"scripts/studio-assets.sh {assets} fetches them (Debian, Ubuntu), then give --assets {assets}"
        )
    try:
        from unbraid.data.studio import make_songs
    except ImportError as error:
        raise MissingExtra(f"the studio needs {error.name}; pip install 'unbraid[studio]'") from error
    make_songs(out, songs, seed, assets, workers, lambda line: typer.echo(line, err=True))

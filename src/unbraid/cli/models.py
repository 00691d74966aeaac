"""``unbraid models``: what there is to choose from."""

from __future__ import annotations

import typer

app = typer.Typer(help="List models, show one.", invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """All models by name."""
    from unbraid.api import models

    for name in models():
        typer.echo(name)

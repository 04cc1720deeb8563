"""The commands of `rules`."""

import typer

app = typer.Typer()

"""The commands of `display`."""

import typer

app = typer.Typer()

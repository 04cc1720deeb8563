"""The commands of `sync`."""

import typer

app = typer.Typer()

"""The commands of `credentials`."""

import typer

app = typer.Typer()

"""The commands of `why`."""

import typer

app = typer.Typer()

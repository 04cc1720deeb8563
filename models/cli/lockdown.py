"""The commands of `lockdown`."""

import typer

app = typer.Typer()

"""The commands of `audit`."""

import typer

app = typer.Typer()

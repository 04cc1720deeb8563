"""The command `backup`: a consistent copy of the register."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.cli.output import LineType, console_of
from models.site import open_register

app = typer.Typer()


@app.command()
def backup(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="Made; must not exist.")]
) -> None:
    """Copy the register into one file while doors go on. The key is not in it: keep that elsewhere."""
    console = console_of(ctx)
    storage = console.settings.storage
    with open_register(console.settings) as register:
        register.backup(file)
    console.emit(
        LineType.BACKUP,
        {"file": str(file), "key_file": str(storage.key_file)},
        f"The register is copied to {escape(str(file))}. Without its key nobody can read it: keep a copy of "
        f"{escape(str(storage.key_file))} in another place.",
    )

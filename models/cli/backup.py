"""The commands `backup` and `accept-backup`: copies of the register."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.cli.output import LineType, console_of
from models.errors import RegisterAbsentError
from models.register.register import Register
from models.site import open_register
from models.storage.keys import KeyFile

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


@app.command("accept-backup")
def accept_backup(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Use a restored backup although it is older than the register was (asks first). Every row is checked."""
    console = console_of(ctx)
    storage = console.settings.storage
    if not yes and not console.json:
        typer.confirm(
            "People who were revoked or erased after this backup was made are in it again. Use it?",
            abort=True,
        )
    if not Path(storage.database).exists():
        raise RegisterAbsentError(f"there is no register at {storage.database}: put the backup there first")
    with Register.accept_backup(storage.database, KeyFile(storage.key_file)) as register:
        people = len(register.people())
    console.emit(
        LineType.ACCEPTED_BACKUP,
        {"database": str(storage.database), "people": people},
        f"{escape(str(storage.database))} is in use, with {people} people. Revoke and erase again "
        "whoever was revoked or erased since the backup was made.",
    )

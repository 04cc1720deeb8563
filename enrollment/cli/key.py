"""Commands about the register's key."""

import typer
from rich.markup import escape

from models.cli.output import LineType, console_of
from models.site import open_register

app = typer.Typer()
key_app = typer.Typer(no_args_is_help=True, help="The key that seals templates and crops.")
app.add_typer(key_app, name="key")


@key_app.command("rotate")
def rotate_key(ctx: typer.Context) -> None:
    """Seal everything under a fresh key. Backups made before still need the old one."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        key_id = register.rotate_key()
    path = console.settings.storage.key_file
    text = f"Everything is sealed under key {key_id} ({escape(str(path))})."
    console.emit(LineType.KEY, {"key_id": key_id, "key_file": path}, text)

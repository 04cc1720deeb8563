"""Commands about the settings."""

import typer
from rich.table import Table

from models.console import console_of
from models.settings import setting_keys, variable_name

app = typer.Typer()
config_app = typer.Typer(no_args_is_help=True, help="The settings.")
app.add_typer(config_app, name="config")


@config_app.command("show")
def show_settings(ctx: typer.Context) -> None:
    """Every setting with the value in force, wherever it came from, and its environment variable."""
    console = console_of(ctx)
    settings = console.settings
    table = Table("setting", "value", "variable", title=f"home: {settings.home}", title_justify="left")
    for dotted in setting_keys():
        section, _, key = dotted.partition(".")
        value = getattr(getattr(settings, section), key)
        table.add_row(dotted, "" if value is None else str(value), variable_name(dotted))
        if console.json:
            console.emit({"setting": dotted, "value": value, "variable": variable_name(dotted)})
    if not console.json:
        console.emit({}, table)

"""The command `config show`: every setting in force."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from models.cli.output import LineType, console_of
from models.settings.base import Section, without_password
from models.settings.settings import LISTS, Settings, sections, variable_name

app = typer.Typer()
config_app = typer.Typer(no_args_is_help=True, help="The settings.")
app.add_typer(config_app, name="config")


@config_app.command("show")
def show_settings(ctx: typer.Context) -> None:
    """Every setting with the value in force, wherever it came from, as a settings file."""
    console = console_of(ctx)
    settings = console.settings
    console.show(f"# home: {escape(str(settings.home))}")
    for section in sections():
        console.show(escape(f"\n[{section}]"))
        for key, value in values_of(settings, section).items():
            record = {"setting": f"{section}.{key}", "value": value}
            variable = variable_name(f"{section}.{key}")
            console.emit(LineType.SETTING, record | {"variable": variable}, escape(_line(key, value)))
    for name in LISTS:
        for position, table in enumerate(getattr(settings, name)):
            console.show(escape(f"\n[[{name}]]"))
            for key, value in shown_values(table).items():
                record = {"setting": f"{name}.{position}.{key}", "value": value, "variable": None}
                console.emit(LineType.SETTING, record, escape(_line(key, value)))


def values_of(settings: Settings, section: str) -> dict[str, Any]:
    """The keys and values of a table, those of its kind alone, without the password of an address."""
    return shown_values(getattr(settings, section))


def shown_values(table: Section) -> dict[str, Any]:
    """The keys and values of one table, without the password of an address; a secret is only stars."""
    values = {key: getattr(table, key) for key in type(table).model_fields}
    return {
        key: without_password(str(value)) if isinstance(value, str | Path) else value
        for key, value in values.items()
    }


def _line(key: str, value: object) -> str:
    return f"{key} = {_toml(value)}" if value is not None else f"# {key} is not set"


def _toml(value: object) -> str:
    plain = isinstance(value, bool | int | float | tuple)
    return json.dumps(value if plain else str(value), ensure_ascii=False)

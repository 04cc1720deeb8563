"""Commands about people who are enrolled: list, suspend, restore, revoke, erase, export."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from enrollment.desk import open_roster
from enrollment.people import Roster
from models.cli.output import LineType, console_of
from models.register.records import Person
from models.site import open_register

app = typer.Typer()


@app.command("people")
def list_people(ctx: typer.Context) -> None:
    """Everyone in the register: name, status, since when, and what the consent covers."""
    console = console_of(ctx)
    table = Table("name", "status", "since", "consent covers")
    with open_register(console.settings) as register:
        for person in register.people():
            purposes = sorted(register.consent(person.person_id).purposes)
            if console.json:
                console.emit(LineType.PERSON, asdict(person) | {"purposes": purposes})
            since = f"{person.created_at:%Y-%m-%d}"
            table.add_row(escape(person.name), person.status, since, ", ".join(purposes))
    console.show(table)


@app.command()
def suspend(ctx: typer.Context, name: str) -> None:
    """Let a person in no more, until restored."""
    _change_status(ctx, lambda roster: roster.suspend(name))


@app.command()
def restore(ctx: typer.Context, name: str) -> None:
    """End a suspension."""
    _change_status(ctx, lambda roster: roster.restore(name))


@app.command()
def revoke(ctx: typer.Context, name: str) -> None:
    """Let a person in never again; `erase` also deletes what is kept."""
    _change_status(ctx, lambda roster: roster.revoke(name))


@app.command()
def erase(
    ctx: typer.Context,
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete all that is kept of a person; past events no longer say who it was."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = roster.named(name)
        if not yes and not console.json:
            typer.confirm(f"Delete all that is kept of {person.name} for good?", abort=True)
        roster.erase(name)
    console.emit(LineType.ERASURE, {"person_id": person.person_id}, f"{escape(person.name)} is erased.")


@app.command("export")
def export_person(
    ctx: typer.Context,
    name: str,
    folder: Annotated[Path, typer.Argument(help="Made when absent.")],
) -> None:
    """Write all that is kept of a person into a folder, for that person to see."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        written = roster.export(name, folder)
    text = f"{len(written)} files are in {escape(str(folder))}."
    console.emit(LineType.EXPORT, {"files": [str(path) for path in written]}, text)


def _change_status(ctx: typer.Context, change: Callable[[Roster], Person]) -> None:
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = change(roster)
    console.emit(LineType.PERSON, asdict(person), f"{escape(person.name)} is {person.status}.")

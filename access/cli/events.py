"""The command `events`: what happened at the doors."""

from typing import Annotated

import typer

from access.cli import printing
from models.cli.output import LineType, console_of
from models.site import open_register

app = typer.Typer()


@app.command()
def events(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest.")] = 20,
) -> None:
    """The last decisions at the door, the oldest of them first."""
    console = console_of(ctx)
    table = printing.events_table()
    with open_register(console.settings) as register:
        names = {person.person_id: person.name for person in register.people()}
        for event in register.events(limit=limit):
            table.add_row(*printing.event_cells(event, names, event.at.astimezone()))
            console.emit(LineType.EVENT, printing.event_record(event, names))
    console.show(table if table.row_count else "Nothing has happened yet.")

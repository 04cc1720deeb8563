"""The command `events`: what happened at the doors."""

from typing import Annotated

import typer

from access import printing
from models.cli.dates import parse_time
from models.cli.output import LineType, console_of
from models.domain import PersonId
from models.errors import UnknownPersonError
from models.events import OUTCOMES, Outcome
from models.register.register import Register
from models.site import open_register

app = typer.Typer()

SHOWN = 20
"""Events in the list when no time and no number is given."""


Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From when on: 2026-11-01 or 2026-11-01T08:00.")
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Before when; a date alone is its first moment.")
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Whom the face was most like, let in or not.")]
Door = Annotated[str | None, typer.Option(metavar="ID", help="At this door.")]
OfOutcome = Annotated[
    Outcome | None, typer.Option(metavar="OUTCOME", help=f"{', '.join(OUTCOMES[:-1])} or {OUTCOMES[-1]}.")
]
Limit = Annotated[
    int | None,
    typer.Option(
        *("--limit", "-n"),
        min=1,
        metavar="N",
        help=f"The newest N; default: {SHOWN}, with a time or --csv all.",
    ),
]
Csv = Annotated[
    bool, typer.Option("--csv", metavar="", help="As a table for a spreadsheet, with a line of names.")
]


@app.command()
def events(
    ctx: typer.Context,
    *,
    since: Since = None,
    until: Until = None,
    person: Name = None,
    door: Door = None,
    outcome: OfOutcome = None,
    limit: Limit = None,
    as_csv: Csv = False,
) -> None:
    """List what was decided at the doors, the oldest first, in the site's time zone."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    if as_csv and console.json:
        raise typer.BadParameter("--csv and --json are two forms of the same list: give one of them")
    everything = as_csv or since is not None or until is not None
    with open_register(console.settings) as register:
        found = register.events(
            since=None if since is None else parse_time(since, zone),
            until=None if until is None else parse_time(until, zone),
            person_id=None if person is None else _id_of(register, person),
            door=door,
            outcome=outcome,
            limit=SHOWN if limit is None and not everything else limit,
        )
        names = {each.person_id: each.name for each in register.people()}
    if as_csv:
        typer.echo(printing.events_csv(found, names), nl=False)
        return
    table = printing.events_table(zone)
    for event in found:
        table.add_row(*printing.event_cells(event, names, zone))
        console.emit(LineType.EVENT, printing.event_record(event, names))
    chosen = everything or person or door or outcome
    console.show(table if found else "No event fits." if chosen else "Nothing has happened yet.")


def _id_of(register: Register, name: str) -> PersonId:
    person = register.find_person(name)
    if person is None:
        raise UnknownPersonError(f"nobody is enrolled as {name}: see doorward people")
    return person.person_id

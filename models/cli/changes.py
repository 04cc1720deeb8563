"""The command `changes`: who changed what in the register."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from models.cli.dates import parse_time
from models.cli.output import LineType, console_of
from models.register.records import Change
from models.site import open_register

app = typer.Typer()

SHOWN = 20
"""Changes in the list when no time and no number is given."""


@app.command()
def changes(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From when on: 2026-11-01 or 2026-11-01T08:00.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Before when; a date alone is its first moment.")
    ] = None,
    person: Annotated[str | None, typer.Option(metavar="NAME", help="Changes of this person alone.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            *("--limit", "-n"),
            min=1,
            metavar="N",
            help=f"The newest N; default: {SHOWN}, with a time all.",
        ),
    ] = None,
) -> None:
    """List who changed people, thresholds, release or key, the oldest first, in the site's time zone."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    with_time = since is not None or until is not None
    with open_register(console.settings) as register:
        found = register.changes(
            since=None if since is None else parse_time(since, zone),
            until=None if until is None else parse_time(until, zone),
            person_id=None if person is None else register.person_named(person).person_id,
            limit=SHOWN if limit is None and not with_time else limit,
        )
        names: dict[str, str] = {each.person_id: each.name for each in register.people()}
    table = Table(Column("time", no_wrap=True), "by", "action", "of", "change")
    for change in found:
        name = names.get(change.subject_id)
        table.add_row(
            f"{change.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            escape(change.actor),
            change.action.replace("_", " "),
            escape(name or change.subject_id),
            escape(_difference(change)),
        )
        console.emit(LineType.CHANGE, change_record(change) | {"subject_name": name})
    chosen = with_time or person
    console.show(table if found else "No change fits." if chosen else "Nothing has been changed yet.")


def change_record(change: Change) -> dict[str, Any]:
    """A change as plain JSON values."""
    return dataclasses.asdict(change) | {"at": change.at.isoformat()}


def _difference(change: Change) -> str:
    """Old and new values in words: `status: active -> revoked`."""
    old, new = change.old or {}, change.new or {}
    return "; ".join(f"{key.replace('_', ' ')}: {_step(key, old, new)}" for key in {**old, **new})


def _step(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return " -> ".join(_word(values[key]) for values in (old, new) if key in values)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

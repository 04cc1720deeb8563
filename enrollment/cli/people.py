"""Commands about people who are enrolled: list, suspend, restore, revoke, erase, export."""

import textwrap
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from enrollment.desk import open_roster
from enrollment.people import Roster
from models.cli.names import PersonName
from models.cli.output import LineType, console_of
from models.register.records import Consent, Person, PersonOverview, PersonStatus
from models.site import open_register

app = typer.Typer()

CONSENT_WIDTH = 40
"""The list of people shows no more characters of each consent's text."""

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("people")
def list_people(ctx: typer.Context) -> None:
    """List everyone in the register: name, status, number of photos, since when, and consent."""
    console = console_of(ctx)
    table = Table(Column("name", no_wrap=True), "status", "photos", "since", "consent")
    with open_register(console.settings) as register:
        everyone = register.people_overview()
    for one in everyone:
        console.emit(LineType.PERSON, _overview_record(one))
        table.add_row(
            escape(one.person.name),
            one.person.status,
            str(one.photos),
            f"{one.person.created_at.astimezone():%Y-%m-%d}",
            escape(_consent_summary(one.consent)),
        )
    console.show(table)


@app.command()
def suspend(ctx: typer.Context, name: PersonName) -> None:
    """Let a person in no more, until restored."""
    _change_status(ctx, lambda roster: roster.suspend(name))


@app.command()
def restore(ctx: typer.Context, name: PersonName) -> None:
    """End a suspension."""
    _change_status(ctx, lambda roster: roster.restore(name))


@app.command()
def revoke(ctx: typer.Context, name: PersonName, yes: Yes = False) -> None:
    """Let a person in never again (asks first); `erase` also deletes what is kept."""
    console = console_of(ctx)

    def ask_and_revoke(roster: Roster) -> Person:
        person = roster.named(name)
        if not yes and not console.json and person.status is not PersonStatus.REVOKED:
            question = f"Revoke {person.name} for good? A suspension can be undone, this cannot."
            typer.confirm(question, abort=True)
        return roster.revoke(name)

    _change_status(ctx, ask_and_revoke)


@app.command()
def erase(ctx: typer.Context, name: PersonName, yes: Yes = False) -> None:
    """Delete all that is kept of a person (asks first); past events no longer say who it was."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = roster.named(name)
        if not yes and not console.json:
            typer.confirm(f"Delete all that is kept of {person.name} for good?", abort=True)
        receipt = roster.erase(name)
    console.emit(
        LineType.ERASURE,
        {"person_id": person.person_id, "receipt": receipt},
        f"{escape(person.name)} is erased. The receipt for it, signed with the site's key:\n\n"
        f"{escape(receipt)}",
    )


@app.command("export")
def export_person(
    ctx: typer.Context,
    name: PersonName,
    folder: Annotated[Path, typer.Argument(help="Where to write the files; made when absent.")],
) -> None:
    """Write all that is kept of a person into a folder, for that person to see."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        written = roster.export(name, folder)
    text = f"{len(written)} files are in {escape(str(folder))}."
    console.emit(LineType.EXPORT, {"files": [str(path) for path in written]}, text)


def _consent_summary(consent: Consent | None) -> str:
    if consent is None:
        return "none on record"
    text = textwrap.shorten(consent.text, CONSENT_WIDTH, placeholder=" ...")
    return f"{', '.join(sorted(consent.purposes))}: {text}"


def _overview_record(one: PersonOverview) -> dict[str, Any]:
    return asdict(one.person) | {
        "photos": one.photos,
        "consent_text": one.consent.text if one.consent else None,
        "purposes": sorted(one.consent.purposes) if one.consent else [],
    }


def _change_status(ctx: typer.Context, change: Callable[[Roster], Person]) -> None:
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = change(roster)
    console.emit(LineType.PERSON, asdict(person), f"{escape(person.name)} is {person.status}.")

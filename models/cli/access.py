"""The commands `groups`, `access`, `passback` and `lockout`: what holds for one person."""

from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from models.cli.dates import parse_time
from models.cli.names import PersonName
from models.cli.output import Console, LineType, console_of
from models.register.access_records import PersonSettings
from models.register.person_access import settings_record
from models.register.records import Person
from models.register.register import Register
from models.site import open_register

app = typer.Typer()
groups_app = typer.Typer(no_args_is_help=True, help="Who is in which group: list, add, remove.")
passback_app = typer.Typer(no_args_is_help=True, help="Anti-passback: forget in which zones people are.")
lockout_app = typer.Typer(no_args_is_help=True, help="Delays after failed attempts.")
app.add_typer(groups_app, name="groups")
app.add_typer(passback_app, name="passback")
app.add_typer(lockout_app, name="lockout")

NO_LIMIT = "none"
Group = Annotated[str, typer.Argument(metavar="GROUP", help="A group that the rules name.")]


@groups_app.command("list")
def list_groups(ctx: typer.Context) -> None:
    """List everybody with the groups they are in, and the groups of the rules that nobody is in."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        found, people = register.access_snapshot(), register.people()
    table = Table(Column("name", no_wrap=True), "status", "groups")
    for person in people:
        groups = sorted(found.person(person.person_id).groups)
        record = {"person_id": person.person_id, "name": person.name, "status": person.status}
        console.emit(LineType.GROUPS, record | {"groups": groups})
        table.add_row(escape(person.name), person.status, escape(", ".join(groups)))
    console.show(table)
    taken = {group for person in found.people.values() for group in person.groups}
    empty = sorted(found.policy.groups - taken)
    if empty:
        console.note(f"Nobody is in: {', '.join(empty)}.")


@groups_app.command("add")
def add_to_group(ctx: typer.Context, name: PersonName, group: Group) -> None:
    """Put a person into a group."""
    _change_groups(ctx, name, add=group)


@groups_app.command("remove")
def remove_from_group(ctx: typer.Context, name: PersonName, group: Group) -> None:
    """Take a person out of a group."""
    _change_groups(ctx, name, remove=group)


@app.command("access")
def show_or_change_access(
    ctx: typer.Context,
    name: PersonName,
    *,
    valid_from: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help=f"Access begins then; `{NO_LIMIT}` for no limit."),
    ] = None,
    valid_until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help=f"Access ends then; `{NO_LIMIT}` for no limit."),
    ] = None,
    longer: Annotated[
        bool | None,
        typer.Option("--longer/--no-longer", help="Doors stay unlocked longer for this person, or not."),
    ] = None,
    second_factor: Annotated[
        bool | None,
        typer.Option(
            "--second-factor/--no-second-factor",
            help="The face alone is not enough for this person, a lookalike of somebody say; or it is.",
        ),
    ] = None,
) -> None:
    """Show what holds for a person at doors; with options change it first."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone

    def change(before: PersonSettings) -> PersonSettings:
        return replace(
            before,
            valid_from=_limit(valid_from, before.valid_from, zone),
            valid_until=_limit(valid_until, before.valid_until, zone),
            longer_unlock=before.longer_unlock if longer is None else longer,
            second_factor=before.second_factor if second_factor is None else second_factor,
        )

    with open_register(console.settings) as register:
        person = register.person_named(name)
        if (valid_from, valid_until, longer, second_factor) != (None, None, None, None):
            register.change_access(person.person_id, change)
        record = access_record(register, person)
    console.emit(LineType.ACCESS, record, _access_table(record, zone))


@passback_app.command("forgive")
def forgive(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The person.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody.")] = False,
) -> None:
    """Forget in which zones a person is, or everybody: nobody is refused then for having entered before."""
    if everybody == (name is not None):
        raise typer.BadParameter("give a NAME or --all")
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = None if name is None else register.person_named(name)
        count = register.forgive_passages(None if person is None else person.person_id)
    who = "everybody" if person is None else escape(person.name)
    record = {"person_id": person.person_id if person else None, "name": person.name if person else None}
    console.emit(LineType.FORGIVEN, record | {"passages": count}, f"Where {who} was is forgotten ({count}).")


@lockout_app.command("clear")
def clear_lockout(ctx: typer.Context, name: PersonName) -> None:
    """Let a person try again at once who failed too often."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        failures = register.clear_lockout(person.person_id)
    record = {"person_id": person.person_id, "name": person.name, "failures": failures}
    text = f"{failures} failed attempts of {escape(person.name)} are forgotten."
    console.emit(LineType.LOCKOUT, record, text)


def access_record(register: Register, person: Person) -> dict[str, Any]:
    """All that holds for a person at doors, as plain JSON values; PINs by kind alone."""
    kept = register.person_credentials(person.person_id)
    return {
        "person_id": person.person_id,
        "name": person.name,
        "status": str(person.status),
        **settings_record(kept.settings),
        "groups": list(kept.groups),
        "pins": [str(kind) for kind in kept.pins],
        "cards": [card.number for card in kept.cards],
        "failures": kept.failures.count,
        "passages": [
            {"zone": each.zone, "inside": each.inside, "at": each.at.isoformat()} for each in kept.passages
        ],
    }


def _change_groups(
    ctx: typer.Context, name: str, *, add: str | None = None, remove: str | None = None
) -> None:
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        groups = register.change_groups(
            person.person_id,
            add=frozenset() if add is None else {add},
            remove=frozenset() if remove is None else {remove},
        )
    _show_groups(console, person, sorted(groups))


def _show_groups(console: Console, person: Person, groups: list[str]) -> None:
    listed = escape(", ".join(groups)) or "no group"
    record = {"person_id": person.person_id, "name": person.name, "status": person.status, "groups": groups}
    console.emit(LineType.GROUPS, record, f"{escape(person.name)} is in {listed}.")


def _limit(text: str | None, before: datetime | None, zone: tzinfo | None) -> datetime | None:
    """The limit that an option names; the one before without the option. Raises InputError."""
    if text is None:
        return before
    return None if text == NO_LIMIT else parse_time(text, zone)


def _access_table(record: dict[str, Any], zone: tzinfo | None) -> Table:
    table = Table("", escape(record["name"]))
    shown = {key: value for key, value in record.items() if key not in ("person_id", "name")}
    for key, value in shown.items():
        table.add_row(key.replace("_", " "), escape(_words(key, value, zone)))
    return table


def _words(key: str, value: Any, zone: tzinfo | None) -> str:
    match value:
        case None:
            return "no limit"
        case bool():
            return "yes" if value else "no"
        case str() if key.startswith("valid_"):
            return f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M}"
        case list() if key == "passages":
            return ", ".join(f"{each['zone']}: {'inside' if each['inside'] else 'outside'}" for each in value)
        case list():
            return ", ".join(value) or "none"
    return str(value)

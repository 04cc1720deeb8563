"""The commands `rules` and `holidays`: the rules of the site as a file, and holidays to put into it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from models.cli import access, would
from models.cli.output import Console, LineType, console_of
from models.errors import InputError
from models.register.register import Register
from models.rules.difference import Change, Span, differences
from models.rules.document import policy_from_text, policy_text
from models.rules.policy import EVERY_DOOR, Policy
from models.site import open_register

app = typer.Typer()
app.registered_commands += access.app.registered_commands + would.app.registered_commands
app.registered_groups += access.app.registered_groups
rules_app = typer.Typer(no_args_is_help=True, help="The rules of access: check a file, import it, export it.")
app.add_typer(rules_app, name="rules")

DAYS = 14
"""So many days are compared, from today on."""
DAYS_SHOWN = 4
NAMES_SHOWN = 5
WHOLE_DAY = "00:00-24:00"
CHANGE_TEXT = {
    Change.GAINS: "can pass",
    Change.LOSES: "can no longer pass",
    Change.OTHERWISE: "differently",
    Change.UNLOCKED: "stands unlocked",
    Change.LOCKED: "is locked",
}

RulesFile = Annotated[Path, typer.Argument(metavar="FILE", help="The rules, as TOML.")]


@rules_app.command("check")
def check_rules(ctx: typer.Context, file: RulesFile) -> None:
    """Say who would gain and who would lose which door when, if a file were imported; changes nothing."""
    console = console_of(ctx)
    policy = _read(console, file)
    with open_register(console.settings) as register:
        _show_difference(console, register, policy)


@rules_app.command("import")
def import_rules(
    ctx: typer.Context,
    file: RulesFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put the rules of a file in force; says first who gains and who loses which door when, and asks."""
    console = console_of(ctx)
    policy = _read(console, file)
    with open_register(console.settings, create=True) as register:
        seen = register.rules_revision()
        _show_difference(console, register, policy)
        if not yes and not console.json:
            typer.confirm("Put these rules in force?", abort=True)
        stored = register.set_policy(policy, seen_revision=seen)
    record = {"number": stored.number, "digest": stored.digest, "rules": len(policy.rules)}
    text = f"{len(policy.rules)} rules are in force, as number {stored.number}."
    console.emit(LineType.RULES, record | {"created_at": stored.created_at.isoformat()}, text)


@rules_app.command("export")
def export_rules(
    ctx: typer.Context,
    number: Annotated[
        int | None, typer.Option(metavar="N", help="Rules of before, by the number that `import` said.")
    ] = None,
) -> None:
    """Write the rules in force to the standard output, as a file that `import` reads."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        policy = register.policy() if number is None else _of_number(register, number)
    text = policy_text(policy, console.settings.site.time_zone)
    if console.json:
        console.emit(LineType.RULES_FILE, {"text": text})
    else:
        typer.echo(text, nl=False)


@rules_app.command("history")
def list_history(ctx: typer.Context) -> None:
    """List the newest rules that were imported, the oldest first: the last ones are in force."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    with open_register(console.settings) as register:
        history = register.policy_history()
    table = Table("number", Column("imported", no_wrap=True), "rules", "digest")
    for each in history:
        record = {"number": each.number, "digest": each.digest, "rules": len(each.policy.rules)}
        console.emit(LineType.RULES, record | {"created_at": each.created_at.isoformat()})
        at = f"{each.created_at.astimezone(zone):%Y-%m-%d %H:%M}"
        table.add_row(str(each.number), at, str(len(each.policy.rules)), each.digest[:12])
    console.show(table if history else "No rules were imported: whoever is enrolled passes every door.")


@app.command("holidays")
def list_holidays(
    ctx: typer.Context,
    country: Annotated[str, typer.Argument(metavar="COUNTRY", help="Two letters, such as DE.")],
    year: Annotated[list[int], typer.Option(min=1900, max=2200, help="Which year; may be repeated.")],
    subdivision: Annotated[
        str | None, typer.Option(help="A part of the country, such as BY; the whole country without it.")
    ] = None,
    kind: Annotated[str, typer.Option(help="The kind of holiday that schedules name.")] = "public",
) -> None:
    """Print public holidays as lines to paste into the rules. Look through them: a site may keep others."""
    import holidays

    console = console_of(ctx)
    try:
        found = holidays.country_holidays(country.upper(), subdiv=subdivision, years=sorted(set(year)))
    except NotImplementedError as error:
        raise InputError(f"no holidays are known of {country} {subdivision or ''}: {error}") from error
    console.show("\\[holidays]")
    for day, name in sorted(found.items()):
        record = {"date": day.isoformat(), "kind": kind, "name": name}
        console.emit(LineType.HOLIDAY, record, escape(f'"{day}" = "{kind}"  # {name}'))


def _read(console: Console, file: Path) -> Policy:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    return policy_from_text(text, console.settings.site.time_zone)


def _show_difference(console: Console, register: Register, policy: Policy) -> None:
    """Say what would be different in the coming days under other rules."""
    found, names = register.access_snapshot(), {each.person_id: each.name for each in register.people()}
    zone = console.settings.site.time_zone or datetime.now().astimezone().tzinfo
    assert zone is not None, "a time with a zone has one"  # noqa: S101
    today = datetime.now(zone).date()
    doors = _doors_of(found.policy) | _doors_of(policy) | {console.settings.door.id}
    changes = differences(
        found.policy,
        policy,
        people=found.people.values(),
        doors=[*sorted(doors), EVERY_DOOR],
        first_day=today,
        zone=zone,
        days=DAYS,
    )
    table = Table("door", "change", "who", "when")
    for each in changes:
        who = [names.get(person_id, person_id) for person_id in each.people]
        spans = [
            {"day": f"{each.day}", "from": _clock(each.start), "until": _clock(each.end)}
            for each in each.spans
        ]
        record = {"door": each.door, "change": str(each.change), "people": who, "spans": spans}
        console.emit(LineType.ACCESS_CHANGE, record)
        door = "any other door" if each.door == EVERY_DOOR else escape(each.door)
        table.add_row(door, CHANGE_TEXT[each.change], escape(_few(who)), _when(each.spans))
    console.show(table if changes else f"Nothing is different for anybody in the coming {DAYS} days.")
    lost = sorted({group for person in found.people.values() for group in person.groups} - policy.groups)
    if lost:
        console.warn(f"people are in groups that these rules do not name: {', '.join(lost)}")


def _doors_of(policy: Policy) -> set[str]:
    """The doors that the rules and unlocking times of a policy name."""
    return {door for rule in policy.rules for door in rule.doors if door != EVERY_DOOR} | {
        each.door for each in policy.unlock_times
    }


def _few(names: list[str]) -> str:
    """Names, not all of many."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _when(spans: Iterable[Span]) -> str:
    """Parts of days in words, days with the same hours together: `Mon 30 Nov, Tue 1 Dec: 07:00-19:00`."""
    hours: dict[date, list[str]] = defaultdict(list)
    for span in spans:
        hours[span.day].append(f"{_clock(span.start)}-{_clock(span.end)}")
    days: dict[str, list[date]] = defaultdict(list)
    for day, texts in hours.items():
        days[", ".join(texts)].append(day)
    if len(days.get(WHOLE_DAY, ())) == DAYS:
        return "at any time"
    return "; ".join(f"{_day_list(each)}: {text}" for text, each in days.items())


def _day_list(days: list[date]) -> str:
    if len(days) == DAYS:
        return "every day"
    listed = ", ".join(f"{day:%a} {day.day} {day:%b}" for day in days[:DAYS_SHOWN])
    return listed + (f" and {len(days) - DAYS_SHOWN} more days" if len(days) > DAYS_SHOWN else "")


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _of_number(register: Register, number: int) -> Policy:
    for each in register.policy_history():
        if each.number == number:
            return each.policy
    raise InputError(f"no rules have the number {number}: see doorward rules history")

"""The command `would`: whether a door would open for a person, now or at another time, and why."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from models.cli.dates import parse_time
from models.cli.names import PersonName
from models.cli.output import LineType, console_of
from models.domain import Trace
from models.events import trace_record
from models.messages import message_for
from models.register.records import Person
from models.rules.decide import decide_access
from models.rules.factors import Factor, Way, parse_way, way_text
from models.rules.request import PersonAccess, Request, Verdict
from models.rules.sentences import sentence_for
from models.site import open_register

app = typer.Typer()


@app.command()
def would(
    ctx: typer.Context,
    name: PersonName,
    door: Annotated[str, typer.Argument(metavar="DOOR", help="The door's name, the setting door.id.")],
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When; now without it.")] = None,
    shown: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="FACTORS",
            help="What the person shows, such as face or card+pin; all that the person has without it.",
        ),
    ] = None,
) -> None:
    """Say whether a door would open for a person who is recognised, and which checks lead to that.

    The same function decides at the door. Lockdowns, failed attempts and passages are those of now.
    """
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    moment = datetime.now(zone).astimezone(zone) if at is None else parse_time(at, zone)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        found = register.access_snapshot(moment)
        state = register.door_state(door, person.person_id, moment)
    known = found.person(person.person_id)
    factors = _all_factors(known) if shown is None else parse_way(shown)
    verdict = decide_access(found.policy, Request(door, moment, known, factors), state)
    record = _record(person, door, moment, factors, verdict)
    console.emit(LineType.WOULD, record, _text(person, door, moment, verdict, factors))


def _all_factors(person: PersonAccess) -> Way:
    return frozenset(factor for factor in Factor if person.can_show(frozenset({factor})))


def _record(person: Person, door: str, at: datetime, factors: Way, verdict: Verdict) -> dict[str, Any]:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "door": door,
        "at": at.isoformat(),
        "factors": [str(factor) for factor in Factor if factor in factors],
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "enough": [way_text(way) for way in verdict.ways],
        "trace": _trace_record(verdict.trace, person.name),
    }


def _trace_record(trace: Trace, name: str) -> list[dict[str, Any]]:
    return [trace_record(each) | {"sentence": sentence_for(each, name)} for each in trace]


def _text(person: Person, door: str, at: datetime, verdict: Verdict, factors: Way) -> str:
    """The verdict, then a line for each check."""
    what = (
        f"{escape(door)} {'would open' if verdict.allowed else 'would stay shut'} for {escape(person.name)}"
    )
    by = f" by {way_text(factors)}" if factors else ""
    because = "" if verdict.reason is None else f": {message_for(verdict.reason)} ({verdict.reason})"
    lines = [f"{what} on {at:%A %Y-%m-%d at %H:%M}{by}{because}."]
    lines += [
        f"  {'yes' if each.passed else 'NO '}  {escape(sentence_for(each, person.name))}"
        for each in verdict.trace
    ]
    return "\n".join(lines)

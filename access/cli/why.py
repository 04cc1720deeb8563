"""The command `why`: every check that led to a decision, as sentences."""

from typing import Annotated

import typer
from rich.markup import escape

from access import printing
from models.cli.output import LineType, console_of
from models.domain import CheckResult, PersonId
from models.errors import InputError
from models.events import DoorEvent, EventKind, trace_record
from models.rules.sentences import sentence_for
from models.site import open_register

app = typer.Typer()


@app.command()
def why(
    ctx: typer.Context,
    event_id: Annotated[int, typer.Argument(metavar="EVENT", min=1, help="The event's number (event_id).")],
) -> None:
    """Say why somebody was let in or denied: every check of the decision, in order.

    `doorward events --json` has the number of each event.
    """
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    with open_register(console.settings) as register:
        event = register.event(event_id)
        if event is not None and event.kind is EventKind.ACTION and event.intent_id is not None:
            event = register.event(event.intent_id)  # the decision that it carried out
        names = {each.person_id: each.name for each in register.people()}
    if event is None:
        raise InputError(
            f"there is no event {event_id}: `doorward events --json` lists the numbers of those that are kept"
        )
    name = names.get(event.person_id or PersonId(""), "The person")
    record = printing.event_record(event, names) | {
        "trace": [trace_record(check) | {"sentence": sentence_for(check, name)} for check in event.trace]
    }
    when = f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
    lines = [printing.event_line(event, names, when), *map(_line, event.trace, [name] * len(event.trace))]
    if not event.trace:
        lines.append(f"  {_nothing_checked(event)}")
    console.emit(LineType.WHY, record, "\n".join(lines))


def _line(check: CheckResult, name: str) -> str:
    mark = "[green]yes[/]" if check.passed else "[bold red]NO [/]"
    return f"  {mark}  {escape(sentence_for(check, name))}"


def _nothing_checked(event: DoorEvent) -> str:
    if event.kind is EventKind.DECISION:
        return "What was checked is not recorded: the event is older than that, or the person was erased."
    return "This event is no decision: nothing was checked."

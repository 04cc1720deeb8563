"""The command `sync`: sends events to other programs."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import Console, LineType, console_of
from models.clock import SystemClock
from models.domain import PersonId
from models.errors import DeliveryError, UnknownPersonError
from models.register.register import Register
from models.site import open_register
from models.storage.single import single_run_lock

if TYPE_CHECKING:
    from access.integrations.outbox import Delivered
    from access.integrations.payload import NameOf

app = typer.Typer()

DOOR_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@app.command()
def sync(
    ctx: typer.Context,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Deliver what is there, and end; status 1 when some of it waits.")
    ] = False,
    forget: Annotated[
        list[str] | None,
        typer.Option(metavar="DOOR", help="Remove a door from the broker and from Home Assistant, and end."),
    ] = None,
) -> None:
    """Send events to the MQTT broker and the webhooks of the settings, until stopped.

    Every event is sent in order, and again until the receiver has confirmed it.
    """
    from access.integrations import service
    from access.logs import configure_logging
    from access.signals import stopped_by_signals

    console = console_of(ctx)
    settings, clock = console.settings, SystemClock()
    configure_logging(settings.log, settings.site.time_zone)
    message = "`doorward sync` is running already in this home: stop that one first"
    with single_run_lock(settings.home / "sync.lock", message):
        if forget:
            _forget(console, forget)
            return
        with open_register(settings) as register, stopped_by_signals() as stop:
            if once:
                _report(console, service.deliver_once(settings, register, names_in(register), clock, stop))
            else:
                service.run_sync(settings, register, names_in(register), clock, stop)


def names_in(register: Register) -> "NameOf":
    """Look up names in a register."""

    def name_of(person_id: PersonId) -> str | None:
        try:
            return register.person(person_id).name
        except UnknownPersonError:
            return None

    return name_of


def _forget(console: Console, doors: list[str]) -> None:
    from access.integrations.service import forget

    for door in doors:
        if DOOR_NAME.fullmatch(door) is None:
            raise typer.BadParameter("a door's name has letters, digits, - and _", param_hint="--forget")
        forget(console.settings, door)
        console.emit(LineType.FORGOTTEN_DOOR, {"door": door}, f"The broker keeps nothing of {door} any more.")


def _report(console: Console, results: "list[Delivered]") -> None:
    """A line for each receiver. Raises DeliveryError when events wait."""
    for each in results:
        record = {"receiver": each.receiver, "delivered": each.delivered, "waiting": each.waiting}
        waiting = f", {each.waiting} wait: {each.error}" if each.error else ""
        text = f"{each.receiver}: {each.delivered} events delivered{waiting}"
        console.emit(LineType.DELIVERY, record | {"error": each.error}, text)
    waiting_for = [each.receiver for each in results if each.error]
    if waiting_for:
        raise DeliveryError(f"events wait for {', '.join(waiting_for)}: they are sent when it answers again")

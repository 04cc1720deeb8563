"""The commands `lockdown` and `fire`: doors that open for nobody, and doors that are released."""

from datetime import tzinfo
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from models.cli.dates import parse_time
from models.cli.output import LineType, console_of
from models.register.access_records import Order, OrderKind
from models.rules.policy import EVERY_DOOR
from models.site import open_register

app = typer.Typer()
lockdown_app = typer.Typer(
    no_args_is_help=True, help="Lock doors down by a plan of the rules: start, end, list."
)
fire_app = typer.Typer(no_args_is_help=True, help="Release doors because of fire: start, end.")
app.add_typer(lockdown_app, name="lockdown")
app.add_typer(fire_app, name="fire")

Door = Annotated[
    str, typer.Argument(metavar="DOOR", help=f"The door's name, or `{EVERY_DOOR}` for every door.")
]


@lockdown_app.command("start")
def start_lockdown(
    ctx: typer.Context,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A lockdown plan that the rules name.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words; name nobody.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="It ends by itself then; without, until `doorward lockdown end`."),
    ] = None,
    drill: Annotated[
        bool, typer.Option("--drill", help="An exercise: shown and recorded, and nobody is refused.")
    ] = False,
) -> None:
    """Lock the doors of a plan down; one of the same plan that is in force, a drill for example, ends."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    ends_at = None if until is None else parse_time(until, zone)
    with open_register(console.settings) as register:
        order = register.start_lockdown(plan, reason, ends_at=ends_at, drill=drill)
    what = "The drill" if drill else "The lockdown"
    passes = f"who is in {escape(order.bypass_group)} passes" if order.bypass_group else "nobody passes"
    end = "until it is ended" if ends_at is None else f"until {ends_at.astimezone(zone):%Y-%m-%d %H:%M}"
    console.emit(
        LineType.ORDER,
        order_record(order),
        f"{what} {escape(plan)} is in force {end} ({_doors(order)}); {passes}.",
    )


@lockdown_app.command("end")
def end_lockdown(
    ctx: typer.Context,
    plan: Annotated[str | None, typer.Argument(metavar="PLAN", help="The plan; all without it.")] = None,
) -> None:
    """End the lockdown of a plan, or every lockdown and drill."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        ended = register.end_lockdown(plan)
    for order in ended:
        console.emit(LineType.ORDER, order_record(order), f"The lockdown {escape(order.plan)} has ended.")
    if not ended:
        console.show("No such lockdown is in force.")


@lockdown_app.command("list")
def list_orders(
    ctx: typer.Context,
    past: Annotated[bool, typer.Option("--past", help="Also those that have ended.")] = False,
) -> None:
    """List lockdowns, drills and fire releases in force."""
    console = console_of(ctx)
    zone = console.settings.site.time_zone
    with open_register(console.settings) as register:
        orders = register.orders() if past else register.active_orders()
    for order in orders:
        console.emit(LineType.ORDER, order_record(order))
    console.show(_table(orders, zone) if orders else "Nothing is in force.")


@fire_app.command("start")
def start_fire_release(
    ctx: typer.Context,
    door: Door,
    reason: Annotated[str, typer.Option(help="Why, in a few words; name nobody.")] = "",
) -> None:
    """Hold a door unlocked because of fire, whatever the rules and lockdowns say."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        order = register.set_fire_release(door, True, reason)
    assert order is not None, "a release that begins is an order"  # noqa: S101
    text = f"Released because of fire, until it is ended: {_doors(order)}."
    console.emit(LineType.ORDER, order_record(order), text)


@fire_app.command("end")
def end_fire_release(ctx: typer.Context, door: Door) -> None:
    """End the release of a door."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        order = register.set_fire_release(door, False)
    if order is None:
        console.show(f"{escape(door)} was not released.")
    else:
        console.emit(LineType.ORDER, order_record(order), f"The release has ended: {_doors(order)}.")


def order_record(order: Order) -> dict[str, Any]:
    """A lockdown or fire release as plain JSON values."""
    return {
        "order_id": order.order_id,
        "kind": str(order.kind),
        "plan": order.plan,
        "doors": sorted(order.doors),
        "bypass_group": order.bypass_group,
        "reason": order.reason,
        "drill": order.drill,
        "started_at": order.started_at.isoformat(),
        "ends_at": None if order.ends_at is None else order.ends_at.isoformat(),
        "ended_at": None if order.ended_at is None else order.ended_at.isoformat(),
        "actor": order.actor,
    }


def _table(orders: list[Order], zone: tzinfo | None) -> Table:
    table = Table(Column("since", no_wrap=True), "what", "doors", "passes", "ends", "reason", "by")
    for order in orders:
        name = (
            "fire"
            if order.kind is OrderKind.FIRE
            else f"{'drill' if order.drill else 'lockdown'} {order.plan}"
        )
        end = order.ended_at or order.ends_at
        table.add_row(
            f"{order.started_at.astimezone(zone):%Y-%m-%d %H:%M}",
            escape(name),
            _doors(order),
            escape(order.bypass_group),
            "" if end is None else f"{end.astimezone(zone):%Y-%m-%d %H:%M}",
            escape(order.reason),
            escape(order.actor),
        )
    return table


def _doors(order: Order) -> str:
    return "every door" if EVERY_DOOR in order.doors else escape(", ".join(sorted(order.doors)))

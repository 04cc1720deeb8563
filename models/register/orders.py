"""`insert_order`, `orders_in_force`, `end_orders`: lockdowns and fire releases."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from models.register.access_records import Order, OrderKind
from models.register.access_schema import OrderRow
from models.register.faults import damaged_rows
from models.register.session import RegisterSession, table_of
from models.rules.request import Lockdown


def all_orders(session: RegisterSession) -> list[Order]:
    """Return every order that was ever given, oldest first."""
    # Whole, whatever is wanted: whether an order is in force is written in its row.
    rows = sorted(session.all_rows(table_of(OrderRow)), key=lambda row: row.id)
    return [_order(row) for row in rows]


def orders_in_force(session: RegisterSession, at: datetime) -> list[Order]:
    """Return the orders that nobody has ended and that have not ended by themselves, oldest first."""
    return [order for order in all_orders(session) if order.in_force(at)]


def insert_order(session: RegisterSession, order: Order) -> Order:
    """Store an order; returns it with its number."""
    row = OrderRow(
        kind=order.kind,
        plan=order.plan,
        doors=sorted(order.doors),
        bypass_group=order.bypass_group,
        reason=order.reason,
        drill=order.drill,
        started_at=order.started_at,
        ends_at=order.ends_at,
        ended_at=None,
        actor=order.actor,
    )
    session.add(row)
    session.flush()
    return _order(row)


def end_orders(session: RegisterSession, orders: Collection[Order], at: datetime) -> None:
    """Note that these orders were ended."""
    for order in orders:
        row = session.get(OrderRow, order.order_id)
        assert row is not None, "rows of orders are never deleted"  # noqa: S101
        row.ended_at = at
    session.flush()


def lockdowns_of(orders: Sequence[Order]) -> tuple[Lockdown, ...]:
    """Return the lockdowns among orders, as the rules know them."""
    return tuple(
        Lockdown(
            plan=order.plan,
            doors=order.doors,
            bypass_group=order.bypass_group,
            reason=order.reason,
            started_at=order.started_at,
            ends_at=order.ends_at,
            drill=order.drill,
        )
        for order in orders
        if order.kind is OrderKind.LOCKDOWN
    )


def fire_doors_of(orders: Sequence[Order]) -> frozenset[str]:
    """Return the doors that are released because of fire, among orders."""
    released = (order.doors for order in orders if order.kind is OrderKind.FIRE)
    return frozenset[str]().union(*released)


def _order(row: Any) -> Order:
    """Read a row of the table `orders`, mapped or not."""
    with damaged_rows():
        kind = OrderKind(row.kind)
    return Order(
        order_id=row.id,
        kind=kind,
        plan=row.plan,
        doors=frozenset(row.doors),
        bypass_group=row.bypass_group,
        reason=row.reason,
        drill=row.drill,
        started_at=row.started_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        actor=row.actor,
    )

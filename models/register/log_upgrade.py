"""`begin_log`: gives the event log its key, and carries over the events from before there were chains."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, MetaData, Table, inspect, select

from models.events import DoorEvent
from models.register import chains, events
from models.register.events import EMPTY
from models.register.session import RegisterSession
from models.register.site_key import create_site_key

BEFORE_CHAINS = "events_before_chains"
RENAMED = "site_door"
"""The door of events whose door was called `site`."""


def begin_log(session: RegisterSession) -> None:
    """Give the register its site key, and carry over the events that a migration put aside.

    Each chain begins with an event that says how many events follow that nothing protected before. Those that
    cannot be read are counted and left out.
    """
    create_site_key(session)
    connection = session.connection()
    if not inspect(connection).has_table(BEFORE_CHAINS):
        return
    before = Table(BEFORE_CHAINS, MetaData(), autoload_with=connection)
    found: dict[str, list[DoorEvent]] = {}
    unreadable = 0
    for row in connection.execute(select(before).order_by(before.c.event_id)):
        try:
            event = _event(before, dict(row._mapping))
        except (ValueError, TypeError):
            unreadable += 1
            continue
        if event.door == chains.SITE:  # no door may be called so any more
            event = replace(event, door=RENAMED)
        found.setdefault(event.door, []).append(event)
    highest = max((event.event_id or 0 for each in found.values() for event in each), default=0)
    for door, each in sorted(found.items()):
        noted = {"events": len(each), "unreadable": unreadable}
        now = datetime.now(UTC)
        first = chains.append(
            session, session.keys, door, at=now, kind="carried_over", values=noted, event_id=highest + 1
        )
        highest = first.event_id
        for event in each:
            events.append_event(session, session.keys, event, event_id=event.event_id)
    before.drop(connection)


def _event(table: Table, row: dict[str, Any]) -> DoorEvent:
    """The event of a row. Raises ValueError, TypeError: no program wrote it."""
    for column in table.columns:
        if isinstance(column.type, JSON) and row[column.name] is None:
            row[column.name] = EMPTY.get(column.name)
    row["at"] = row["at"].isoformat() + "+00:00"
    return DoorEvent.from_record(EMPTY | row | {"seq": None})

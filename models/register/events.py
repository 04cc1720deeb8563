"""What happened at the doors, in the order in which it was written."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain import PersonId
from models.register.records import Event
from models.register.schema import EventRow


def append_event(session: Session, event: Event) -> int:
    """Add one event; its running number."""
    values = asdict(event)
    row = EventRow(**{**values, "stages_ms": dict(event.stages_ms)})
    session.add(row)
    session.flush()
    return row.event_id


def events_of(session: Session, person_id: PersonId) -> list[Event]:
    """Every event in which a person was the most alike, oldest first."""
    query = select(EventRow).where(EventRow.person_id == person_id).order_by(EventRow.event_id)
    return [_event(row) for row in session.scalars(query)]


def list_events(
    session: Session, since: datetime | None, until: datetime | None, door: str | None, limit: int | None
) -> list[Event]:
    """The newest `limit` events of the time [since, until), oldest of them first."""
    query = select(EventRow).order_by(EventRow.event_id.desc())
    if since is not None:
        query = query.where(EventRow.at >= since)
    if until is not None:
        query = query.where(EventRow.at < until)
    if door is not None:
        query = query.where(EventRow.door == door)
    if limit is not None:
        query = query.limit(limit)
    return [_event(row) for row in session.scalars(query)][::-1]


def _event(row: EventRow) -> Event:
    return Event(**{field.name: getattr(row, field.name) for field in fields(Event)})

"""Door events as rows: `append_event`, `list_events`; in the order in which they were written."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain import PersonId
from models.events import DoorEvent
from models.register.faults import damaged_rows
from models.register.schema import EventRow

_COLUMNS = frozenset(EventRow.__table__.columns.keys()) - {"event_id", "at"}


def append_event(session: Session, event: DoorEvent) -> int:
    """Add one event and return its number."""
    record = event.to_record()
    row = EventRow(at=event.at, **{name: record[name] for name in _COLUMNS})
    session.add(row)
    session.flush()
    return row.event_id


def events_of(session: Session, person_id: PersonId) -> list[DoorEvent]:
    """Return every event in which a person was the most alike or the next most alike, oldest first."""
    named = (EventRow.person_id == person_id) | (EventRow.runner_up_id == person_id)
    query = select(EventRow).where(named).order_by(EventRow.event_id)
    return [_event(row) for row in session.scalars(query)]


def list_events(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    door: str | None = None,
    person_id: PersonId | None = None,
    outcome: str | None = None,
    limit: int | None = None,
) -> list[DoorEvent]:
    """Return the newest `limit` matching events of the time [since, until), oldest first."""
    query = select(EventRow).order_by(EventRow.event_id.desc()).limit(limit)
    if since is not None:
        query = query.where(EventRow.at >= since)
    if until is not None:
        query = query.where(EventRow.at < until)
    if door is not None:
        query = query.where(EventRow.door == door)
    if person_id is not None:
        query = query.where(EventRow.person_id == person_id)
    if outcome is not None:
        query = query.where(EventRow.outcome == outcome)
    return [_event(row) for row in session.scalars(query)][::-1]


def _event(row: EventRow) -> DoorEvent:
    record = {name: getattr(row, name) for name in _COLUMNS}
    with damaged_rows():
        return DoorEvent.from_record(record | {"event_id": row.event_id, "at": row.at.isoformat()})

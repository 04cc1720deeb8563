"""Door events in their chains: `append_event`, `list_events`, `events_of`, `chain_events`.

What can be known without naming anybody is the public part of the chain's event; the person, the next most
alike and words are sealed, each apart, so that erasing one person leaves what is known of the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_

from models.audit.chain import sealed_parts, time_text
from models.domain import PersonId
from models.errors import RegisterError
from models.events import DoorEvent, EventKind, NoticeReason
from models.register import chains
from models.register.chains import EVENTS, SEALED, SILENT, SITE, Appended
from models.register.faults import damaged_rows
from models.register.macs import Keyring
from models.register.sealing import OpenedPart, Part, open_sealed, subject_codes
from models.register.session import RegisterSession

PERSON, RUNNER_UP, NOTE = "person", "runner_up", "note"
PUBLIC = (
    "track",
    "outcome",
    "reason",
    "advice",
    "score",
    "runner_up_score",
    "threshold",
    "release",
    "quality",
    "box",
    "frames",
    "stages_ms",
    "clip_s",
    "intent_id",
    "factors",
    "silent",
)
EMPTY: dict[str, Any] = {
    **dict.fromkeys(
        ("track", "score", "runner_up_score", "threshold", "quality", "box", "clip_s", "intent_id")
    ),
    **{"advice": [], "factors": [], "trace": [], "stages_ms": {}, "release": "", "detail": ""},
    **{"frames": 0, "silent": False, "written": True, "person_id": None, "runner_up_id": None},
}
"""What is not stored of an event, since most events have nothing else there."""
DOOR_KINDS = [str(kind) for kind in EventKind]


def append_event(
    session: RegisterSession, keys: Keyring, event: DoorEvent, event_id: int | None = None
) -> Appended:
    """Add one event to its door's chain, or to that of the door's silent events.

    Args:
        session: of a transaction that writes.
        keys: the register's.
        event: what happened.
        event_id: its number, where it has one already.

    Raises:
        RegisterError: the door is called `site`, or as no door can be called.
    """
    if event.door == SITE or "/" in event.door:
        raise RegisterError(f"no door can be called {event.door!r}: name it otherwise in the setting door.id")
    record = event.to_record()
    chain = event.door + SILENT if event.silent else event.door
    values = {name: record[name] for name in PUBLIC if record[name] != EMPTY.get(name)}
    return chains.append(
        session,
        keys,
        chain,
        at=event.at,
        kind=str(event.kind),
        values=values,
        parts=_parts(record),
        event_id=event_id,
    )


def events_of(session: RegisterSession, person_id: PersonId) -> list[DoorEvent]:
    """Return every event in which a person was the most alike or the next most alike, oldest first."""
    ids = _naming(session, person_id, (PERSON, RUNNER_UP))
    query = select(EVENTS).where(EVENTS.c.kind.in_(DOOR_KINDS), EVENTS.c.event_id.in_(ids))
    return _read(session, query.order_by(EVENTS.c.event_id))


def one_event(session: RegisterSession, event_id: int) -> DoorEvent | None:
    """Return the event of a number at a door; None when there is none, or it is a silent one."""
    query = select(EVENTS).where(EVENTS.c.kind.in_(DOOR_KINDS), EVENTS.c.event_id == event_id)
    return next((event for event in _read(session, query) if not event.silent), None)


def list_events(
    session: RegisterSession,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    door: str | None = None,
    person_id: PersonId | None = None,
    outcome: str | None = None,
    limit: int | None = None,
    silent: bool = False,
) -> list[DoorEvent]:
    """Return the newest `limit` matching events of the time [since, until), oldest first."""
    wanted: list[ColumnElement[bool]] = [EVENTS.c.kind.in_(DOOR_KINDS)]
    if since is not None:
        wanted.append(EVENTS.c.at >= time_text(since))
    if until is not None:
        wanted.append(EVENTS.c.at < time_text(until))
    if door is not None:
        wanted.append(EVENTS.c.chain.in_([door, door + SILENT]))
    if not silent:
        wanted.append(EVENTS.c.chain.not_like(f"%{SILENT}"))
    if person_id is not None:
        wanted.append(EVENTS.c.event_id.in_(_naming(session, person_id, (PERSON,))))
    if outcome is not None:
        wanted.append(func.json_extract(EVENTS.c.public, "$.outcome") == outcome)
    query = select(EVENTS).where(*wanted).order_by(EVENTS.c.event_id.desc()).limit(limit)
    return _read(session, query)[::-1]


def chain_events(session: RegisterSession, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
    """Return the first `limit` events of a chain after a number; what operators do are notices of `site`."""
    query = select(EVENTS).where(EVENTS.c.chain == chain, EVENTS.c.seq > after_seq)
    return _read(session, query.order_by(EVENTS.c.seq).limit(limit))


def _parts(record: Mapping[str, Any]) -> list[Part]:
    """What is sealed of an event."""
    parts, person, runner_up = [], record["person_id"], record["runner_up_id"]
    checks = {} if not record["trace"] else {"trace": record["trace"]}
    words = {} if not record["detail"] else {"detail": record["detail"]}
    if person is not None:
        parts.append(Part(PERSON, person, {"person_id": person, **checks}))
    if runner_up is not None:
        parts.append(Part(RUNNER_UP, runner_up, {"runner_up_id": runner_up}))
    note = words if person is not None else {**words, **checks}
    if note:
        parts.append(Part(NOTE, None, note))
    return parts


def _naming(session: RegisterSession, person_id: PersonId, parts: Sequence[str]) -> Select[tuple[int]]:
    """The numbers of the events that name a person in one of these parts."""
    codes = subject_codes(session.keys, person_id)
    here = (EVENTS.c.chain == SEALED.c.chain) & (EVENTS.c.seq == SEALED.c.seq)
    named = SEALED.c.subject.in_(codes) & SEALED.c.part.in_(parts)
    return select(EVENTS.c.event_id).join(SEALED, here).where(named)


def _read(session: RegisterSession, query: Select[Any]) -> list[DoorEvent]:
    """Read the events of a query, in its order, and what is sealed of them."""
    found = query.subquery()
    sealed: dict[tuple[str, int], list[OpenedPart]] = {}
    places = select(found.c.chain, found.c.seq)
    rows = select(SEALED).where(tuple_(SEALED.c.chain, SEALED.c.seq).in_(places))
    connection = session.connection()
    with damaged_rows():
        for row in connection.execute(rows):
            sealed.setdefault((row.chain, row.seq), []).append(open_sealed(session.keys, row))
        return [_event(row, sealed.get((row.chain, row.seq), [])) for row in connection.execute(query)]


def _event(row: Row[Any], parts: Sequence[OpenedPart]) -> DoorEvent:
    """The event of a row. Raises ValueError, TypeError: it is damaged."""
    values, _ = sealed_parts(row.public)
    place = {"event_id": row.event_id, "seq": row.seq, "at": row.at}
    place["door"] = row.chain.removesuffix(SILENT)
    if row.kind not in DOOR_KINDS:
        what = str(values.get("action", row.kind))
        admin = {"outcome": "notice", "reason": str(NoticeReason.REGISTER_CHANGED), "detail": what}
        return DoorEvent.from_record(EMPTY | admin | place)
    record = EMPTY | {name: values[name] for name in PUBLIC if name in values} | place
    for part in parts:
        if part.name in (PERSON, RUNNER_UP):
            record[f"{part.name}_id"] = part.subject
        record |= part.content
    event = DoorEvent.from_record(record)
    if event.kind != row.kind:
        raise ValueError("an event is of another kind than its outcome")
    return event

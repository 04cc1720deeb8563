"""`append`: adds an event to its chain; `chain_names`, `read_chain`: reads chains as they are stored.

Each door has a chain, `<door>`, and one for events that only the receiver of alarms may hear of,
`<door>/silent`; what operators do is in the chain `site`. Two tables belong to it: `events`, which nothing
changes, and `heads`, which says where each chain ends under a code that takes the key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, union_all, update

from models.audit.canonical import canonical
from models.audit.chain import HASH_BYTES, PARTS, ChainEvent, event_hash, genesis, time_text
from models.audit.check import Head
from models.errors import RegisterError
from models.register import site_key
from models.register.macs import KEY_ID_BYTES, Keyring, RowKey
from models.register.schema import EventRow, HeadRow, SealedRow, SegmentRow
from models.register.sealing import Part, seal
from models.register.session import RegisterSession, table_of

SITE = "site"
"""The chain of what operators do; no door may be called so."""
SILENT = "/silent"
"""Ends the name of a door's chain of silent events."""
BROKEN = bytes(HASH_BYTES)
"""Stands for the hash before an event when the end of the chain was not as it was written: a check finds it
for ever."""
EVENTS, HEADS, SEALED, SEGMENTS = map(table_of, (EventRow, HeadRow, SealedRow, SegmentRow))
READ_ROWS = 1000
# Made once: a door waits for these.
HEAD_OF = select(HEADS).where(HEADS.c.chain == bindparam("of_chain"))
HIGHEST = union_all(select(func.max(EVENTS.c.event_id)), select(func.max(HEADS.c.event_id)))
INSERT_EVENT, INSERT_HEAD, INSERT_SEALED = insert(EVENTS), insert(HEADS), insert(SEALED)
UPDATE_HEAD = (
    update(HEADS)
    .where(HEADS.c.chain == bindparam("of_chain"))
    .values({name: bindparam(name) for name in ("seq", "event_id", "hash", "day", "code")})
)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an event was written.

    Attributes:
        event_id: its number among all events.
        chain, seq: its chain, and its number there.
        new_day: True when the event before it is of another day.
    """

    event_id: int
    chain: str
    seq: int
    new_day: bool


def append(
    session: RegisterSession,
    keys: Keyring,
    chain: str,
    *,
    at: datetime,
    kind: str,
    values: Mapping[str, Any] | None = None,
    parts: Sequence[Part] = (),
    event_id: int | None = None,
) -> Appended:
    """Add an event to the end of a chain.

    Args:
        session: of a transaction that writes.
        keys: the register's; also those of `RegisterConnection.keys_of_log`.
        chain: the chain.
        at: when it happened, with its zone.
        kind: what sort of event it is.
        values: its public part.
        parts: what is sealed of it.
        event_id: its number, where it has one already.
    """
    connection = session.connection()
    head = connection.execute(HEAD_OF, {"of_chain": chain}).one_or_none()
    seq, before = _end_of(connection, keys, chain, head)
    event_id, key = event_id or _next_event_id(connection), keys.current
    sealed = [seal(key, chain, seq, part) for part in parts]
    public = {**(values or {}), "event_id": event_id}
    if parts:
        public[PARTS] = [part.name for part in parts]
    event = ChainEvent(
        chain=chain,
        seq=seq,
        event_id=event_id,
        at=time_text(at),
        kind=kind,
        public=canonical(public).decode(),
        commits=b"".join(committed for committed, _ in sealed),
        prev=before,
        hash=b"",
    )
    event = replace(event, hash=event_hash(event))
    connection.execute(INSERT_EVENT, _event_values(event))
    if sealed:
        connection.execute(INSERT_SEALED, [row for _, row in sealed])
    _write_head(connection, key, event, is_new=head is None)
    return Appended(event_id, chain, seq, head is not None and head.day != _day(event))


def chain_names(connection: Connection) -> list[str]:
    """Return the names of all chains, sorted."""
    heads, events, segments = (select(each.c.chain).distinct() for each in (HEADS, EVENTS, SEGMENTS))
    return sorted(set(connection.execute(union_all(heads, events, segments)).scalars()))


def read_chain(connection: Connection, chain: str, after_seq: int = 0) -> Iterator[ChainEvent]:
    """Read the events of a chain in order, as they are stored, some at a time."""
    while True:
        query = select(EVENTS).where(EVENTS.c.chain == chain, EVENTS.c.seq > after_seq)
        rows = connection.execute(query.order_by(EVENTS.c.seq).limit(READ_ROWS)).all()
        for row in rows:
            yield chain_event(row)
        if len(rows) < READ_ROWS:
            return
        after_seq = rows[-1].seq


def chain_event(row: Row[Any]) -> ChainEvent:
    """The event of a row."""
    return ChainEvent(**row._mapping)


def head_of(connection: Connection, keys: Keyring, chain: str) -> Head | None:
    """Return where a chain ends; None when that was written without the key, or is missing."""
    row = connection.execute(HEAD_OF, {"of_chain": chain}).one_or_none()
    return Head(row.seq, row.hash) if row is not None and _fits(keys, row) else None


def change_keys(session: RegisterSession) -> None:
    """Give the ends of all chains their codes under the key that follows; wrong codes stay wrong."""
    connection, following = session.connection(), session.keys.following
    if following is None:
        raise RegisterError("no change of keys is going on")
    for row in connection.execute(select(HEADS)).all():
        if _fits(session.keys, row):
            code = _code(following, row)
            connection.execute(update(HEADS).where(HEADS.c.chain == row.chain).values(code=code))


def _end_of(connection: Connection, keys: Keyring, chain: str, head: Row[Any] | None) -> tuple[int, bytes]:
    """The number of the next event, and the hash before it."""
    if head is not None and _fits(keys, head):
        return head.seq + 1, head.hash
    ends = [
        connection.execute(select(func.max(column)).where(table.c.chain == chain)).scalar() or 0
        for table, column in ((EVENTS, EVENTS.c.seq), (SEGMENTS, SEGMENTS.c.last_seq))
    ]
    if head is None and not any(ends):
        verifier = site_key.unchecked_verifier(connection)
        return 1, genesis(verifier.site_id, chain, verifier.public)
    return max(*ends, 0) + 1, BROKEN


def _next_event_id(connection: Connection) -> int:
    return max(each or 0 for each in connection.execute(HIGHEST).scalars()) + 1


def _write_head(connection: Connection, key: RowKey, event: ChainEvent, *, is_new: bool) -> None:
    values: dict[str, Any] = {
        "chain": event.chain,
        "seq": event.seq,
        "event_id": event.event_id,
        "hash": event.hash,
        "day": _day(event),
    }
    values["code"] = _code(key, SimpleNamespace(**values))
    if is_new:
        connection.execute(INSERT_HEAD, values)
    else:
        connection.execute(UPDATE_HEAD, {**values, "of_chain": event.chain})


def _fits(keys: Keyring, head: Row[Any]) -> bool:
    try:
        return any(_code(key, head) == head.code for key in keys.all)
    except (TypeError, ValueError, AttributeError):
        return False


def _code(key: RowKey, head: Row[Any] | SimpleNamespace) -> bytes:
    """The code of a head: the key's id, and 32 bytes."""
    numbers = (b"%d" % head.seq, b"%d" % head.event_id)
    code = key.log_code(b"head", head.chain.encode(), *numbers, head.hash, head.day.encode())
    return key.key_id[:KEY_ID_BYTES] + code


def _event_values(event: ChainEvent) -> dict[str, Any]:
    return {column.name: getattr(event, column.name) for column in EVENTS.columns}


def _day(event: ChainEvent) -> str:
    return event.at[:10]

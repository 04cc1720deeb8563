"""`close_days`, `prune`: signs what was written, and deletes whole days of it.

Nothing is signed before it was checked: a change by somebody without the key does not get a signature.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, update

from models.audit.chain import ChainEvent, Problem, check_run, genesis, time_text
from models.audit.check import Head, checkpoint_of
from models.audit.checkpoint import SiteSigner
from models.audit.segments import NO_SEGMENT, Segment, merkle_root, segment_hash
from models.errors import LogAlteredError
from models.register.chains import EVENTS, HEADS, SEALED, SEGMENTS, head_of, read_chain
from models.register.schema import SegmentRow
from models.register.session import RegisterSession
from models.register.site_key import signer_of


def segments_of(session: RegisterSession, chain: str) -> list[Segment]:
    """Return the segments of a chain, the oldest first."""
    query = select(SegmentRow).where(SegmentRow.chain == chain).order_by(SegmentRow.first_seq)
    return [_segment(row) for row in session.scalars(query)]


def close_days(session: RegisterSession, chain: str, before_day: str | None = None) -> None:
    """Close every day of a chain that has ended, and sign a checkpoint of what is open.

    A day has ended when an event of another day follows. So has the newest one, where it is before
    `before_day`.

    Args:
        session: of a transaction that writes.
        chain: the chain.
        before_day: a day in UTC, 2026-11-02; None closes no day that may go on.

    Raises:
        LogAlteredError: events after the last closed day are not as they were written: nothing is signed.
        RegisterTamperedError: the site's key or a segment was changed without the register's key.
    """
    signer, last = signer_of(session), _last_segment(session, chain)
    after = 0 if last is None else last.last_seq
    events = list(read_chain(session.connection(), chain, after))
    if not events:
        return
    begin = genesis(signer.verifier.site_id, chain, signer.verifier.public)
    _check_unsigned(
        events,
        chain=chain,
        after=after,
        prev=begin if last is None else last.last_hash,
        head=head_of(session.connection(), session.keys, chain),
    )
    previous = NO_SEGMENT if last is None else segment_hash(last)
    runs = [list(run) for _, run in itertools.groupby(events, key=lambda event: event.at[:10])]
    for number, run in enumerate(runs, start=1):
        segment = _signed(signer, run, previous)
        if number < len(runs) or (before_day is not None and segment.day < before_day):
            session.add(_row(segment))
            previous = segment_hash(segment)
        newest = segment.checkpoint
    session.flush()
    session.connection().execute(update(HEADS).where(HEADS.c.chain == chain).values(checkpoint=newest))


def prune(session: RegisterSession, chain: str, before: datetime, limit: int) -> int:
    """Delete events of closed days that ended before `before`, the oldest first.

    Args:
        session: of a transaction that writes.
        chain: of this chain.
        before: with its zone.
        limit: no more events than this, so that others who write do not wait long.

    Returns:
        The number of events deleted.

    Raises:
        LogAlteredError, RegisterTamperedError: as `close_days`.
    """
    limit_text, connection = time_text(before), session.connection()
    day = limit_text[:10]
    last = select(func.coalesce(func.max(SEGMENTS.c.last_seq), 0)).where(SEGMENTS.c.chain == chain)
    waiting = select(func.min(EVENTS.c.at)).where(
        EVENTS.c.chain == chain, EVENTS.c.seq > last.scalar_subquery()
    )
    oldest = connection.execute(waiting).scalar()
    if oldest is not None and oldest[:10] < day:
        close_days(session, chain, day)
    ended = (SegmentRow.chain == chain, SegmentRow.day < day, SegmentRow.pruned_at.is_(None))
    for row in session.scalars(select(SegmentRow).where(*ended)):
        row.pruned_at = datetime.now(UTC)
    session.flush()
    inside = (SEGMENTS.c.chain == chain) & EVENTS.c.seq.between(SEGMENTS.c.first_seq, SEGMENTS.c.last_seq)
    doomed = (
        select(EVENTS.c.event_id, EVENTS.c.seq)
        .join(SEGMENTS, inside & SEGMENTS.c.pruned_at.is_not(None))
        .where(EVENTS.c.chain == chain, EVENTS.c.at < limit_text)
        .order_by(EVENTS.c.at)
        .limit(limit)
    )
    rows = connection.execute(doomed).all()
    places = (SEALED.c.chain == chain) & SEALED.c.seq.in_([row.seq for row in rows])
    connection.execute(delete(SEALED).where(places))
    connection.execute(delete(EVENTS).where(EVENTS.c.event_id.in_([row.event_id for row in rows])))
    return len(rows)


def _check_unsigned(
    events: Sequence[ChainEvent], *, chain: str, after: int, prev: bytes, head: Head | None
) -> None:
    """Check what follows the last closed day. Raises LogAlteredError."""
    if head is None:
        raise LogAlteredError(f"the end of {chain} was written without the key")
    problems = list(check_run(events, chain=chain, first_seq=after + 1, last_seq=head.seq, prev=prev))
    if not problems and events[-1].hash != head.hash:
        problems = [Problem(chain, head.seq, "is not the event that was written last")]
    if problems:
        first = problems[0]
        raise LogAlteredError(f"event {first.seq} of {first.chain} {first.found}")


def _signed(signer: SiteSigner, events: Sequence[ChainEvent], previous: bytes) -> Segment:
    """The segment of these events, with its checkpoint."""
    first, last = events[0], events[-1]
    segment = Segment(
        chain=first.chain,
        day=first.at[:10],
        first_seq=first.seq,
        last_seq=last.seq,
        root=merkle_root([event.hash for event in events]),
        last_hash=last.hash,
        previous=previous,
        checkpoint="",
        pruned=False,
    )
    text = checkpoint_of(signer.verifier.site_id, segment).to_text()
    return replace(segment, checkpoint=signer.sign(text))


def _last_segment(session: RegisterSession, chain: str) -> Segment | None:
    query = select(SegmentRow).where(SegmentRow.chain == chain).order_by(SegmentRow.first_seq.desc()).limit(1)
    row = session.scalar(query)
    return None if row is None else _segment(row)


def _segment(row: SegmentRow) -> Segment:
    return Segment(
        chain=row.chain,
        day=row.day,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        root=row.root,
        last_hash=row.last_hash,
        previous=row.previous,
        checkpoint=row.checkpoint,
        pruned=row.pruned_at is not None,
    )


def _row(segment: Segment) -> SegmentRow:
    return SegmentRow(
        chain=segment.chain,
        day=segment.day,
        first_seq=segment.first_seq,
        last_seq=segment.last_seq,
        root=segment.root,
        last_hash=segment.last_hash,
        previous=segment.previous,
        checkpoint=segment.checkpoint,
        pruned_at=None,
    )

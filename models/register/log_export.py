"""`lines_of`, `proof_of`: the event log, or one event of it, for others to check without the register."""

from collections.abc import Iterator

from sqlalchemy import select

from models.audit.chain import ChainEvent
from models.audit.checkpoint import Checkpoint
from models.audit.export import checkpoint_line, event_line, header_line, proof_record, segment_line
from models.errors import InputError, LogAlteredError
from models.register.chains import HEADS, chain_names, read_chain
from models.register.closing import segments_of
from models.register.log_check import read_checkpoint
from models.register.session import RegisterSession
from models.register.site_key import verifier_of


def lines_of(session: RegisterSession, chain: str | None, since_day: str | None) -> Iterator[str]:
    """Yield the lines of an export; see `models.register.log.EventLog.export_log`.

    Raises:
        InputError: there is no such chain.
    """
    connection = session.connection()
    names = chain_names(connection)
    if chain is not None and chain not in names:
        raise InputError(f"there is no chain {chain}: there are {', '.join(names) or 'none'}")
    yield header_line(verifier_of(session))
    for name in names if chain is None else [chain]:
        after = 0
        for segment in segments_of(session, name):
            included = not segment.pruned and (since_day is None or segment.day >= since_day)
            yield segment_line(segment, included=included)
            if included:
                for event in read_chain(connection, name, after):
                    if event.seq > segment.last_seq:
                        break
                    yield event_line(event)
            after = segment.last_seq
        for event in read_chain(connection, name, after):
            yield event_line(event)
        note = _newest(session, name)
        if note is not None:
            yield checkpoint_line(note)


def proof_of(session: RegisterSession, chain: str, seq: int) -> dict[str, object]:
    """Return the proof of one event; see `models.register.log.EventLog.prove_event`."""
    verifier = verifier_of(session)
    closed = [each for each in segments_of(session, chain) if each.first_seq <= seq <= each.last_seq]
    note = closed[0].checkpoint if closed else _newest(session, chain)
    signed = None if note is None else read_checkpoint(verifier, note)
    if note is None or signed is None or not signed.first_seq <= seq <= signed.size:
        raise InputError(f"{chain} has no event {seq}")
    events = _tree(session, signed)
    if not any(event.seq == seq for event in events):
        raise InputError(f"event {seq} of {chain} was deleted, as its day is older than events are kept")
    if len(events) != signed.size - signed.first_seq + 1:
        raise LogAlteredError(f"events beside event {seq} of {chain} are missing")
    return proof_record(verifier, events, seq, note)


def _tree(session: RegisterSession, signed: Checkpoint) -> list[ChainEvent]:
    found = []
    for event in read_chain(session.connection(), signed.chain, signed.first_seq - 1):
        if event.seq > signed.size:
            break
        found.append(event)
    return found


def _newest(session: RegisterSession, chain: str) -> str | None:
    query = select(HEADS.c.checkpoint).where(HEADS.c.chain == chain)
    return session.connection().execute(query).scalar()

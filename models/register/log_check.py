"""`check_log`, `check_against`: the check of the event log, from its closed days to what is sealed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select

from models.audit.chain import HASH_BYTES, ChainEvent, Problem, sealed_parts
from models.audit.check import cannot_be_compared, check_chain
from models.audit.checkpoint import Checkpoint, NoteError, SiteVerifier
from models.errors import InputError, LogAlteredError, RegisterTamperedError
from models.register.chains import EVENTS, HEADS, SEALED, chain_names, head_of, read_chain
from models.register.closing import segments_of
from models.register.schema import ErasureRow, SegmentRow, SiteKeyRow
from models.register.sealing import OpenedPart, open_sealed
from models.register.session import RegisterSession, table_of
from models.register.site_key import verifier_of

TABLES = tuple(map(table_of, (SegmentRow, ErasureRow, SiteKeyRow)))
AT_ONCE = 1000
Erased = Mapping[tuple[str, int, str], str]
"""Chain, number and part of what was erased, and the receipt's id."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was checked of a chain.

    Attributes:
        chain: which one.
        events: how many of its events are held.
        days: how many of its days are closed and signed.
        pruned: how many of these days have no events any more.
        problems: what is not as it was written.
        not_compared: checkpoints that say nothing any more, since the events before them were deleted.
    """

    chain: str
    events: int
    days: int
    pruned: int
    problems: tuple[Problem, ...]
    not_compared: int = 0


@dataclass(frozen=True, slots=True)
class LogReport:
    """What was checked of the log; `problems` has those of every chain."""

    chains: tuple[ChainReport, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is not as it was written."""
        return tuple(problem for chain in self.chains for problem in chain.problems)


def check_log(session: RegisterSession, notes: Sequence[str]) -> LogReport:
    """Check every chain; see `models.register.log.EventLog.verify_log`."""
    session.check_complete(*TABLES)
    verifier = verifier_of(session)
    given = [read_checkpoint(verifier, note) for note in notes]
    erased = _erased_places(session)
    sealed = session.connection().execute(select(SEALED.c.chain).distinct()).scalars()
    names = sorted({*chain_names(session.connection()), *sealed, *(each.chain for each in given)})
    return LogReport(tuple(_check(session, verifier, chain, given, erased) for chain in names))


def _erased_places(session: RegisterSession) -> Erased:
    """Which parts were erased, and the receipt of each."""
    rows = session.all_rows(table_of(ErasureRow))
    return {(chain, seq, part): row.receipt_id for row in rows for chain, seq, part in row.places}


def check_against(session: RegisterSession, note: str) -> None:
    """Check the chain of one checkpoint; see `models.register.log.EventLog.check_against`."""
    session.check_complete(*TABLES)
    verifier = verifier_of(session)
    checkpoint = read_checkpoint(verifier, note)
    found = _check(session, verifier, checkpoint.chain, [checkpoint], None).problems
    if found:
        raise LogAlteredError(describe(found[0]))


def read_checkpoint(verifier: SiteVerifier, note: str) -> Checkpoint:
    """Return what a note says. Raises InputError: it is no checkpoint of this site."""
    try:
        checkpoint = Checkpoint.from_text(verifier.open(note))
    except NoteError as error:
        raise InputError(f"this is no checkpoint that the site {verifier.site_id} signed: {error}") from error
    if checkpoint.site_id != verifier.site_id:
        raise InputError(f"this is a checkpoint of another site than {verifier.site_id}")
    return checkpoint


def describe(problem: Problem) -> str:
    """A problem in a sentence."""
    place = "the chain" if problem.seq is None else f"event {problem.seq}"
    return f"{problem.chain}: {place} {problem.found}"


def _check(
    session: RegisterSession,
    verifier: SiteVerifier,
    chain: str,
    given: Sequence[Checkpoint],
    erased: Erased | None,
) -> ChainReport:
    """Check one chain; what is sealed only with the list of what was erased."""
    connection, problems = session.connection(), list[Problem]()
    head = head_of(connection, session.keys, chain)
    if head is None:
        found = "has no end that was written with the key: it was cut off or changed"
        problems.append(Problem(chain, None, found))
    checkpoints = [each for each in given if each.chain == chain]
    own = connection.execute(select(HEADS.c.checkpoint).where(HEADS.c.chain == chain)).scalar()
    if own is not None:
        try:
            signed = Checkpoint.from_text(verifier.open(own))
            if signed.chain != chain:
                raise NoteError("it is of another chain")
            checkpoints.append(signed)
        except (NoteError, AttributeError, TypeError):
            problems.append(Problem(chain, None, "has a checkpoint that this site's key did not sign for it"))
    segments, count = segments_of(session, chain), 0

    def counted() -> Iterator[ChainEvent]:
        nonlocal count
        for event in read_chain(connection, chain):
            count += 1
            yield event

    problems += check_chain(verifier, chain, segments, counted(), head=head, checkpoints=checkpoints)
    if erased is not None:
        problems += _check_sealed(session, chain, erased)
    not_compared = sum(cannot_be_compared(each, segments) for each in given if each.chain == chain)
    pruned = sum(segment.pruned for segment in segments)
    return ChainReport(chain, count, len(segments), pruned, tuple(problems), not_compared)


def _check_sealed(session: RegisterSession, chain: str, erased: Erased) -> Iterator[Problem]:
    """Check that what is sealed of each event fits its commitments, or was erased with a receipt."""
    connection = session.connection()
    last = connection.execute(select(func.max(EVENTS.c.seq)).where(EVENTS.c.chain == chain)).scalar() or 0
    batch: list[ChainEvent] = []
    for event in read_chain(connection, chain):
        batch.append(event)
        if len(batch) == AT_ONCE or event.seq == last:
            yield from _check_batch(session, batch, erased)
            batch = []
    here = (EVENTS.c.chain == SEALED.c.chain) & (EVENTS.c.seq == SEALED.c.seq)
    orphans = select(SEALED.c.seq).where(SEALED.c.chain == chain, ~exists().where(here))
    for seq in connection.execute(orphans.distinct()).scalars():
        yield Problem(chain, seq, "is missing, and what was sealed of it is there")


def _check_batch(session: RegisterSession, batch: Sequence[ChainEvent], erased: Erased) -> Iterator[Problem]:
    chain = batch[0].chain
    between = SEALED.c.seq.between(batch[0].seq, batch[-1].seq)
    found: dict[int, dict[str, OpenedPart]] = {}
    for row in session.connection().execute(select(SEALED).where(SEALED.c.chain == chain, between)):
        try:
            found.setdefault(row.seq, {})[row.part] = open_sealed(session.keys, row)
        except (RegisterTamperedError, ValueError, TypeError):
            yield Problem(chain, row.seq, "has a sealed part that was changed without the key")
    for event in batch:
        yield from _check_parts(event, found.get(event.seq, {}), erased)


def _check_parts(event: ChainEvent, found: Mapping[str, OpenedPart], erased: Erased) -> Iterator[Problem]:
    try:
        names = sealed_parts(event.public)[1]
        commits = [event.commits[HASH_BYTES * at :][:HASH_BYTES] for at in range(len(names))]
    except (TypeError, ValueError):
        return  # the check of the event says so
    for name, committed in zip(names, commits, strict=True):
        part, receipt = found.get(name), erased.get((event.chain, event.seq, name))
        wrong = None
        if part is None:
            wrong = "was deleted without an erasure"
        elif part.erased:
            wrong = None if part.subject == receipt else "was erased without a receipt"
        elif receipt is not None:
            wrong = "was erased, and put back"
        elif part.commitment != committed:
            wrong = "is another one than when it was written"
        if wrong is not None:
            yield Problem(event.chain, event.seq, f"has a sealed part `{name}` that {wrong}")
    if set(found) - set(names):
        yield Problem(event.chain, event.seq, "has a sealed part that was not there when it was written")

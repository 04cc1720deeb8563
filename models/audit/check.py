"""`check_chain`: everything that a chain's events, segments and checkpoints must agree on.

`doorward audit verify` makes this check of the register, and of a file that `doorward audit export` wrote.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from models.audit.chain import ChainEvent, Problem, check_event, check_run, genesis
from models.audit.checkpoint import Checkpoint, NoteError, SiteVerifier
from models.audit.segments import NO_SEGMENT, Segment, merkle_root, segment_hash


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the number and the hash of its last event."""

    seq: int
    hash: bytes


@dataclass(slots=True)
class _Position:
    """How far the check of a chain has come."""

    seq: int
    hash: bytes
    segment: bytes = NO_SEGMENT


def check_chain(
    verifier: SiteVerifier,
    chain: str,
    segments: Sequence[Segment],
    events: Iterable[ChainEvent],
    *,
    head: Head | None,
    checkpoints: Sequence[Checkpoint] = (),
) -> Iterator[Problem]:
    """Check a chain: its segments, every event still held, its end, and what checkpoints say of it.

    Args:
        verifier: the site's public key.
        chain: which one.
        segments: all of the chain, the oldest first.
        events: all that are held, in order of their numbers.
        head: where the chain ends; None where only the events say so.
        checkpoints: of this chain, whose signatures were checked.

    Yields:
        What is wrong; nothing when all is as it was written.
    """
    position = _Position(0, genesis(verifier.site_id, chain, verifier.public))
    wanted = {checkpoint.size for checkpoint in checkpoints}
    known: dict[int, bytes] = {}
    waiting = _Peekable(events)
    for segment in segments:
        held = list(waiting.up_to(segment.last_seq))
        known.update((event.seq, event.hash) for event in held if event.seq in wanted)
        known[segment.last_seq] = segment.last_hash
        yield from _check_segment(verifier, segment, held, position)
        position.seq, position.hash = segment.last_seq, segment.last_hash
        position.segment = segment_hash(segment)
    yield from _check_tail(chain, _noting(waiting, wanted, known), position, head)
    for checkpoint in checkpoints:
        yield from _check_checkpoint(checkpoint, position.seq, known)


def _check_segment(
    verifier: SiteVerifier, segment: Segment, held: Sequence[ChainEvent], position: _Position
) -> Iterator[Problem]:
    chain = segment.chain
    if segment.first_seq != position.seq + 1 or segment.previous != position.segment:
        yield Problem(chain, segment.first_seq, "begins a segment that does not follow the one before it")
    try:
        signed = Checkpoint.from_text(verifier.open(segment.checkpoint))
    except NoteError:
        yield Problem(chain, segment.last_seq, "ends a segment that this site's key did not sign")
    else:
        if signed != checkpoint_of(verifier.site_id, segment):
            yield Problem(chain, segment.last_seq, "ends a segment of which the signature says otherwise")
    if segment.pruned:
        for event in held:
            yield from check_event(event)
        return
    found = list(
        check_run(
            held,
            chain=chain,
            first_seq=segment.first_seq,
            last_seq=segment.last_seq,
            prev=position.hash,
        )
    )
    yield from found
    if not found and merkle_root([event.hash for event in held]) != segment.root:
        yield Problem(chain, segment.last_seq, "ends a segment whose signed root is of other events")
    if not found and held[-1].hash != segment.last_hash:
        yield Problem(chain, segment.last_seq, "is not the event that the signed segment ends with")


def _check_tail(
    chain: str, events: Iterable[ChainEvent], position: _Position, head: Head | None
) -> Iterator[Problem]:
    """Check the events after the last segment, and move the position to the last one."""
    last = _Position(position.seq, position.hash)

    def followed() -> Iterator[ChainEvent]:
        for event in events:
            last.seq, last.hash = event.seq, event.hash
            yield event

    yield from check_run(
        followed(),
        chain=chain,
        first_seq=position.seq + 1,
        last_seq=None if head is None else head.seq,
        prev=position.hash,
    )
    position.seq, position.hash = last.seq, last.hash
    if head is None:
        return
    if last.seq > head.seq:
        yield Problem(chain, head.seq + 1, "and what follows was not written by this program")
    elif last.seq == head.seq and last.hash != head.hash:
        yield Problem(chain, head.seq, "is not the event that was written last")


def _noting(events: Iterable[ChainEvent], wanted: set[int], known: dict[int, bytes]) -> Iterator[ChainEvent]:
    """The same events; notes the hashes of those that checkpoints name."""
    for event in events:
        if event.seq in wanted:
            known.setdefault(event.seq, event.hash)
        yield event


def _check_checkpoint(checkpoint: Checkpoint, last_seq: int, known: Mapping[int, bytes]) -> Iterator[Problem]:
    chain, size = checkpoint.chain, checkpoint.size
    if size > last_seq:
        yield Problem(
            chain,
            size,
            f"was signed in a checkpoint, and the log ends at {last_seq}: it was cut off, or an older copy "
            "was put in its place",
        )
    elif size in known and known[size] != checkpoint.last_hash:
        yield Problem(
            chain,
            size,
            "is not the event that the checkpoint signed: the log was written anew from before it",
        )


def cannot_be_compared(checkpoint: Checkpoint, segments: Iterable[Segment]) -> bool:
    """True for a checkpoint within a segment whose events were deleted: only a later one can be compared."""
    return any(
        segment.pruned and segment.first_seq <= checkpoint.size < segment.last_seq for segment in segments
    )


def checkpoint_of(site_id: str, segment: Segment) -> Checkpoint:
    """Return the checkpoint that closes a segment."""
    return Checkpoint(
        site_id=site_id,
        chain=segment.chain,
        size=segment.last_seq,
        root=segment.root,
        day=segment.day,
        first_seq=segment.first_seq,
        last_hash=segment.last_hash,
        previous=segment.previous,
    )


class _Peekable:
    """Events in order, of which the first ones can be taken up to a number."""

    def __init__(self, events: Iterable[ChainEvent]) -> None:
        self._events = iter(events)

    def __iter__(self) -> Iterator[ChainEvent]:
        return self._events

    def up_to(self, seq: int) -> Iterator[ChainEvent]:
        """Take the events up to this number."""
        for event in self._events:
            if event.seq > seq:
                self._events = itertools.chain([event], self._events)
                return
            yield event

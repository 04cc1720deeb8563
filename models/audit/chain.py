"""`ChainEvent`, `event_hash`, `commitment`, `check_run`: events that each contain the hash of the one before.

An event has a public part, and may have sealed parts, which are kept apart and can be deleted: the hash
covers a salted commitment to each, and so stays what it was. All integers are big-endian; `lp(x)` is the
length of x in 4 bytes, then x.

    commitment = SHA-256(0x01 "doorward/sealed/1" 0x00 salt[32] lp(chain) u64(seq) lp(content))
    hash       = SHA-256(0x00 "doorward/event/1" 0x00 lp(chain) u64(seq) lp(at) lp(kind) lp(public)
                         lp(commitments one after another) previous hash[32])
    first previous hash = SHA-256("doorward/genesis/1" 0x00 lp(site id) lp(chain) lp(site's public key))
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.audit.canonical import parse_canonical

HASH_BYTES = 32
SALT_BYTES = 32
EVENT_TAG = b"\x00doorward/event/1\x00"
SEALED_TAG = b"\x01doorward/sealed/1\x00"
GENESIS_TAG = b"doorward/genesis/1\x00"
PARTS = "sealed"
"""The key of the public part that names the sealed parts, in the order of their commitments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEvent:
    """One event of a chain, without its sealed parts.

    Attributes:
        chain: the door's name, `<door>/silent`, or `site`.
        seq: its number in the chain, from 1.
        event_id: its number among all events of the register; the public part has it too.
        at: when, as `time_text` writes it.
        kind: what sort of event it is.
        public: canonical JSON.
        commits: 32 bytes for each sealed part.
        prev: the hash of the event before.
        hash: its own.
    """

    chain: str
    seq: int
    event_id: int
    at: str
    kind: str
    public: str
    commits: bytes
    prev: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        chain: where.
        seq: the number of the event; None where it concerns no single one.
        found: what is wrong, and what it means.
    """

    chain: str
    seq: int | None
    found: str


def length_prefixed(content: bytes) -> bytes:
    """Return the length in 4 bytes, then the content."""
    return len(content).to_bytes(4, "big") + content


def time_text(at: datetime) -> str:
    """Return a time as 27 characters: UTC, microseconds, `Z`. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("an event's time needs its zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def genesis(site_id: str, chain: str, public_key: bytes) -> bytes:
    """Return what stands for the hash before a chain's first event (32 bytes)."""
    parts = (site_id.encode(), chain.encode(), public_key)
    return hashlib.sha256(GENESIS_TAG + b"".join(map(length_prefixed, parts))).digest()


def commitment(chain: str, seq: int, salt: bytes, content: bytes) -> bytes:
    """Return the commitment to a sealed part (32 bytes); without the salt nothing can be guessed from it."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    place = length_prefixed(chain.encode()) + seq.to_bytes(8, "big")
    return hashlib.sha256(SEALED_TAG + salt + place + length_prefixed(content)).digest()


def event_hash(event: ChainEvent) -> bytes:
    """Return the hash that an event should have (32 bytes), whatever is in its field `hash`.

    Raises:
        ValueError: the hash before it has another length.
    """
    if len(event.prev) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes")
    fields = (event.at.encode(), event.kind.encode(), event.public.encode(), event.commits)
    place = length_prefixed(event.chain.encode()) + event.seq.to_bytes(8, "big")
    return hashlib.sha256(EVENT_TAG + place + b"".join(map(length_prefixed, fields)) + event.prev).digest()


def fits_hash(event: ChainEvent) -> bool:
    """True when an event is as its hash says; False too for one that holds what no event can."""
    try:
        return event_hash(event) == event.hash
    except (ValueError, OverflowError, AttributeError, TypeError):
        return False


def sealed_parts(public: str) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a public part, and the names of the sealed parts. Raises ValueError."""
    values = parse_canonical(public)
    if not isinstance(values, dict) or not isinstance(values.get(PARTS, []), list):
        raise ValueError("the public part of an event is an object")
    return values, values.get(PARTS, [])


def check_event(event: ChainEvent) -> Iterator[Problem]:
    """Check one event by itself: its hash, its number, the number of its commitments."""
    if not fits_hash(event):
        yield Problem(event.chain, event.seq, "was changed: its content does not fit its hash")
        return
    try:
        values, parts = sealed_parts(event.public)
    except ValueError:
        yield Problem(event.chain, event.seq, "holds what the program never writes")
        return
    if values.get("event_id") != event.event_id:
        yield Problem(event.chain, event.seq, "has another event_id than when it was written")
    if len(event.commits) != HASH_BYTES * len(parts):
        yield Problem(event.chain, event.seq, "holds what the program never writes")


def check_run(
    events: Iterable[ChainEvent], *, chain: str, first_seq: int, last_seq: int | None, prev: bytes
) -> Iterator[Problem]:
    """Check events that follow one another, and that none of them is missing.

    Args:
        events: in order of their numbers.
        chain: the chain.
        first_seq: the number that the first one should have.
        last_seq: that of the last one; None where that is not known.
        prev: the hash before the first one.
    """
    expected: int = first_seq
    before: bytes | None = prev
    for event in events:
        if event.seq < expected:
            yield Problem(chain, event.seq, "was inserted: there is another event of this number")
            continue
        if event.seq > expected:
            yield _missing(chain, expected, event.seq - 1)
            before = None
        yield from check_event(event)
        if before is not None and event.prev != before:
            yield Problem(
                chain, event.seq, "does not follow the event before it: one of the two was exchanged"
            )
        expected, before = event.seq + 1, event.hash
    if last_seq is not None and expected <= last_seq:
        yield _missing(chain, expected, last_seq)


def _missing(chain: str, first: int, last: int) -> Problem:
    if first == last:
        return Problem(chain, first, "is missing: it was deleted")
    return Problem(chain, first, f"and all up to {last} are missing: they were deleted")

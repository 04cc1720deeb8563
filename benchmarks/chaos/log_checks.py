"""What must hold of the log: every event arrives everywhere once and in order, and the chains verify."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.chaos.receivers import Received
from benchmarks.chaos.results import Check
from models.events import DoorEvent
from models.register.register import Register

PAGE = 500
SILENT = "/silent"
NAMES_NOBODY = frozenset({"denied", "fault"})
Key = tuple[str, int]


def chain_events(register: Register, chain: str) -> Iterator[DoorEvent]:
    """Every event of a chain."""
    seq = 0
    while page := register.chain_events(chain, seq, PAGE):
        yield from page
        seq = page[-1].seq or 0


def what_was_written(register: Register) -> dict[Key, DoorEvent]:
    """Every event of every chain, by chain and number."""
    return {
        (chain, event.seq or 0): event
        for chain in register.chains()
        for event in chain_events(register, chain)
    }


def check_delivery(written: dict[Key, DoorEvent], received: Received) -> Check:
    """What a receiver got is what was written, in order, and whatever came twice came the same."""
    check = Check(f"{received.name} has every event, in order, and repeats only what it has")
    wanted = {key for key in written if received.silent or not key[0].endswith(SILENT)}
    first: dict[Key, dict[str, Any]] = {}
    numbers: defaultdict[str, int] = defaultdict(int)
    repeats = 0
    for payload in received.events:
        key = payload["chain"], payload["seq"]
        if key in first:
            repeats += 1
            check.expect(payload == first[key], f"{key} came again, and otherwise")
            continue
        first[key] = payload
        check.expect(payload["seq"] == numbers[key[0]] + 1, f"{key} came after {numbers[key[0]]}")
        numbers[key[0]] = payload["seq"]
        if key in wanted:
            differs = _difference(written[key], payload)
            check.expect(not differs, f"{key} differs: {differs}")
    check.expect(not wanted - first.keys(), f"missing: {_some(wanted - first.keys())}")
    check.expect(not first.keys() - wanted, f"not for this receiver: {_some(first.keys() - wanted)}")
    silent = sum(key[0].endswith(SILENT) for key in first)
    check.figures = {"events": len(first), "repeats": repeats, "silent": silent}
    return check


def check_chains(register: Register, notes: Sequence[str]) -> Check:
    """The log is as it was written, and as the checkpoints that the subscriber kept say."""
    check = Check("all chains verify, against the checkpoints of the subscriber too")
    report = register.verify_log(notes)
    for chain in report.chains:
        check.expect(not chain.problems, f"{chain.chain}: {chain.problems[:3]}")
        check.figures[chain.chain] = chain.events
    check.figures["checkpoints"] = len(notes)
    check.expect(bool(notes), "the subscriber has heard of no checkpoint")
    return check


def _difference(event: DoorEvent, payload: dict[str, Any]) -> list[str]:
    """The names of what is not as it was written."""
    expected = {
        "door": event.door,
        "at": event.at.isoformat(timespec="microseconds"),
        "outcome": event.outcome,
        "reason": str(event.reason),
        "event_id": event.event_id,
        "intent_id": event.intent_id,
        "factors": list(event.factors),
        "silent": event.silent,
        "detail": event.detail,
        "person_id": None if event.outcome in NAMES_NOBODY else event.person_id,
    }
    return [name for name, value in expected.items() if payload[name] != value]


def _some(keys: set[Key]) -> str:
    return f"{len(keys)}, such as {sorted(keys)[:3]}"

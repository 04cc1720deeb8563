"""`Evidence`: what is known after a run; `decided`, `answer`: its decisions, and what the written rules say.

The rules are those of `tests.models.rules.naive`, which was written apart from those that the door uses.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.chaos.processes import Door
from benchmarks.chaos.world import History, Span, State, seconds
from models.domain import DenyReason, PersonId
from models.events import DoorEvent, EventKind
from models.rules.factors import Factor
from models.rules.request import DoorState, Failures, Request
from tests.models.rules.naive import naive_answer

COMMIT_S = 5.0
"""What a door writes is stored after this time, or not at all."""


@dataclass(frozen=True)
class Evidence:
    """What is known after a run.

    Attributes:
        history: what was in force when.
        events: of all doors, silent ones too, in the order of their numbers.
        locks: by door, the lines of its lock's file.
        loads: by door, when it had read the rules of which revision.
        doors: the processes.
        held: when the write lock was held.
        within_s: so soon a change must count at a running door.
    """

    history: History
    events: Sequence[DoorEvent]
    locks: Mapping[str, Sequence[Mapping[str, Any]]]
    loads: Mapping[str, Sequence[tuple[datetime, int]]]
    doors: Sequence[Door]
    held: Sequence[Span]
    within_s: float

    def held_s(self, start: datetime, end: datetime) -> float:
        """How long the run itself kept everybody from writing, in [start, end]."""
        return sum(span.overlap_s(start, end) for span in self.held)


def read_lock_file(path: Path) -> list[dict[str, Any]]:
    """The lines of a lock's file; one that was cut off by a kill is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        found.append(record | {"at": datetime.fromisoformat(record["at"])})
    return found


def read_loads(path: Path) -> list[tuple[datetime, int]]:
    """When a door had read the rules of which revision, from its log: alone, or with the gallery."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        if record["event"] in {"access rules loaded", "site view loaded"}:
            revision = record.get("rules_revision", record["revision"])
            found.append((datetime.fromisoformat(record["timestamp"]), revision))
    return found


def answer(state: State, event: DoorEvent, failures: Failures) -> DenyReason | None:
    """Why the written rules refuse what an event decided, under a state; None when they allow it."""
    person = None if event.person_id is None else state.people.get(event.person_id)
    if person is None:
        return DenyReason.SUSPENDED
    shown = frozenset(Factor(each) for each in event.factors)
    known = DoorState(
        lockdowns=tuple(state.lockdowns.values()),
        fire_release=bool({"*", event.door} & state.fire_doors),
        failures=failures,
    )
    reason = naive_answer(state.policy, Request(event.door, event.at, person, shown), known).reason
    if reason is None and not known.fire_release:
        if Factor.PIN in shown and not person.has_pin:
            return DenyReason.NEEDS_PIN
        if Factor.CARD in shown and not person.has_card:
            return DenyReason.NEEDS_CARD
    return reason


def decided(evidence: Evidence) -> Iterator[tuple[DoorEvent, Failures, datetime]]:
    """Every decision, the certain failures of the person before it, and when it was acted on at the latest.

    Failures are wrong PINs since the person's last grant that were stored for certain by then.
    """
    acted = {event.intent_id: event.at for event in evidence.events if event.kind is EventKind.ACTION}
    wrong: defaultdict[PersonId, list[datetime]] = defaultdict(list)
    last_grant: dict[PersonId, datetime] = {}
    for event in evidence.events:
        if event.kind is not EventKind.DECISION or event.person_id is None:
            continue
        person_id, at = event.person_id, event.at
        since = last_grant.get(person_id)
        certain = [
            each
            for each in wrong[person_id]
            if each < at - seconds(COMMIT_S) and (since is None or each > since + seconds(COMMIT_S))
        ]
        failures = Failures(len(certain), certain[-1] if certain else None)
        yield event, failures, acted.get(event.event_id, at + seconds(COMMIT_S))
        if event.outcome == "granted":
            last_grant[person_id], wrong[person_id] = at, []
        elif event.reason == DenyReason.WRONG_PIN:
            wrong[person_id].append(at)


def place(event: DoorEvent) -> str:
    """How a violation names an event."""
    return f"{event.door} event {event.event_id} at {event.at.isoformat()}"

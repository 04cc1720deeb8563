"""Each check of the chaos benchmark finds what it is there for, and nothing where all is well."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.chaos.access_checks import check_denials, check_grants, check_memory, check_unlockings
from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.log_checks import Key, check_delivery
from benchmarks.chaos.policies import random_policy
from benchmarks.chaos.processes import Door
from benchmarks.chaos.reach_checks import check_reach
from benchmarks.chaos.receivers import Received
from benchmarks.chaos.world import Change, History, Span, State, seconds
from models.domain import DenyReason, PersonId
from models.events import DoorEvent
from models.rules.consistency import find_problems
from models.rules.policy import OPEN_SITE
from models.rules.request import Lockdown, PersonAccess

ADA = PersonId("a" * 32)
START = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
OPEN = State(OPEN_SITE, {ADA: PersonAccess(ADA)}, {})
SUSPENDED = dataclasses.replace(OPEN, people={ADA: PersonAccess(ADA, suspended=True)})
LOCKED_DOWN = dataclasses.replace(
    OPEN, lockdowns={"all": Lockdown("all", frozenset({"*"}), "", "test", START + seconds(100))}
)


def at(after_s: float) -> datetime:
    return START + seconds(after_s)


def event(event_id: int, after_s: float, outcome: str = "granted", **more: Any) -> DoorEvent:
    usual: dict[str, Any] = {"reason": "recognised", "door": "front", "person_id": ADA, "factors": ("face",)}
    if outcome in {"unlocked", "not_unlocked"}:
        usual["intent_id"] = event_id - 1
    return DoorEvent(event_id=event_id, at=at(after_s), outcome=outcome, **(usual | more))  # type: ignore[arg-type]


def unlocked(grant_id: int | None, after_s: float) -> dict[str, Any]:
    return {"what": "unlocked", "grant_id": grant_id, "at": at(after_s)}


def evidence(
    events: Sequence[DoorEvent],
    *changes: tuple[float, State],
    lock: Sequence[dict[str, Any]] = (),
    loads: Sequence[tuple[datetime, int]] = (),
    held: Sequence[Span] = (),
) -> Evidence:
    """Two doors; `changes` say when a transaction ended that led to which state, each 0.1 s long."""
    history = History(OPEN)
    history.changes = [Change("beginning", START, START, OPEN, 0)]
    for number, (ended_s, state) in enumerate(changes, start=1):
        history.add(Change("change", at(ended_s - 0.1), at(ended_s), state, number))
    doors = [Door(Path("/"), name, 0) for name in ("front", "back")]
    locks = {"front": lock, "back": ()}
    read = {"front": loads, "back": ()}
    return Evidence(history, events, locks, read, doors, held, within_s=2.0)


def found(check: Any) -> int:
    return len(check.violations)


@pytest.mark.parametrize(("granted_s", "wrong"), [(9.0, 0), (11.5, 0), (12.5, 1)])
def test_a_grant_may_rest_on_rules_of_two_seconds_before(granted_s: float, wrong: int) -> None:
    events = [event(1, granted_s), event(2, granted_s + 0.1, "unlocked")]
    check = check_grants(evidence(events, (10.0, SUSPENDED)))
    assert (check.counted, found(check)) == (1, wrong)


def test_a_grant_by_a_card_that_was_taken_away_is_found() -> None:
    by_card = event(1, 10.0, factors=("face", "card"))
    assert found(check_grants(evidence([by_card]))) == 1  # nobody has a card here


def test_a_grant_to_somebody_who_must_wait_after_wrong_pins_is_found() -> None:
    wrong = [
        event(number, number, "denied", reason=DenyReason.WRONG_PIN, factors=("face",))
        for number in range(1, 6)
    ]
    assert found(check_grants(evidence([*wrong, event(6, 20.0)]))) == 1
    assert found(check_grants(evidence([*wrong, event(6, 60.0)]))) == 0  # 30 s after the fifth
    assert found(check_grants(evidence([*wrong[:4], event(6, 20.0)]))) == 0


def test_a_denial_by_a_rule_that_does_not_hold_is_found() -> None:
    denied = event(1, 10.0, "denied", reason=DenyReason.SUSPENDED)
    assert found(check_denials(evidence([denied]))) == 1
    assert found(check_denials(evidence([denied], (9.0, SUSPENDED)))) == 0


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([unlocked(1, 10.1)], 0),
        ([unlocked(1, 10.1), unlocked(1, 10.2)], 1),
        ([unlocked(1, 9.9)], 1),  # before its grant
        ([unlocked(7, 10.1)], 1),  # of no grant
        ([unlocked(None, 10.1)], 1),  # by nobody's order
    ],
)
def test_an_unlocking_without_its_grant_is_found(lines: list[dict[str, Any]], wrong: int) -> None:
    assert found(check_unlockings(evidence([event(1, 10.0)], lock=lines))) == wrong


def test_a_door_may_stand_unlocked_for_fire_and_not_long_after() -> None:
    fire = dataclasses.replace(OPEN, fire_doors=frozenset({"front"}))
    for after_s, wrong in ((10.0, 0), (21.0, 0), (23.0, 1)):
        lines = [unlocked(None, after_s)]
        assert found(check_unlockings(evidence([], (9.0, fire), (20.0, OPEN), lock=lines))) == wrong


def lockdown_notice(after_s: float) -> DoorEvent:
    return DoorEvent(event_id=9, at=at(after_s), door="front", outcome="notice", reason="lockdown_started")


STARTED = DoorEvent(event_id=1, at=START, door="front", outcome="notice", reason="kiosk_started")


@pytest.mark.parametrize(
    ("said_s", "held", "wrong"),
    [
        (101.0, (), 0),
        (103.0, (), 1),
        (None, (), 1),
        (103.0, (Span(at(100.5), at(102.5)),), 0),  # the run kept the door from writing
    ],
)
def test_a_lockdown_that_a_door_follows_late_is_found(
    said_s: float | None, held: Sequence[Span], wrong: int
) -> None:
    events = [STARTED] if said_s is None else [STARTED, lockdown_notice(said_s)]
    read = [(at(100.5), 1), (at(200.0), 2)]
    late = evidence(events, (100.0, LOCKED_DOWN), (200.0, OPEN), loads=read, held=held)
    check = check_reach(late)
    assert (found(check), check.counted) == (wrong, 3)


def test_a_grant_that_a_change_forbids_is_timed_from_the_end_of_its_transaction() -> None:
    events = [event(1, 13.0), event(2, 13.1, "unlocked")]
    check = check_reach(evidence(events, (10.0, SUSPENDED)))
    assert check.figures["last grants after a change that forbids them"]["max_s"] == 3.0
    assert found(check) == 1


def test_memory_that_grows_is_found() -> None:
    for growth, wrong in ((0.05, 0), (0.3, 1)):
        known = evidence([])
        known.doors[0].rss = [[(float(t), round(1e8 * (1 + growth * t / 600))) for t in range(600)]]
        check = check_memory(known)
        assert (check.counted, found(check)) == (1, wrong)


def payload(seq: int, chain: str = "front") -> dict[str, Any]:
    record = event(seq, seq).to_record()
    return record | {"chain": chain, "seq": seq, "person_id": ADA}


def written(*chains: str) -> dict[Key, DoorEvent]:
    return {(chain, seq): event(seq, seq) for chain in chains for seq in (1, 2, 3)}


@pytest.mark.parametrize(
    ("payloads", "wrong"),
    [
        ([payload(1), payload(2), payload(3)], 0),
        ([payload(1), payload(2), payload(1), payload(2), payload(3)], 0),
        ([payload(1), payload(2)], 1),  # one is missing
        ([payload(1), payload(3), payload(2)], 2),  # not in order
        ([payload(1), payload(2), payload(3), payload(2) | {"reason": "other"}], 1),
        ([payload(1), payload(2), payload(3) | {"door": "back"}], 1),
        ([payload(1), payload(2), payload(3), payload(1, "front/silent")], 1),
    ],
)
def test_what_a_receiver_lacks_or_should_not_have_is_found(
    payloads: list[dict[str, Any]], wrong: int
) -> None:
    received = Received("webhook:x", silent=False)
    received.events += payloads
    assert found(check_delivery(written("front", "front/silent"), received)) == wrong


def test_random_rules_are_those_that_an_import_would_take() -> None:
    for seed in range(50):
        assert find_problems(random_policy(Random(seed), START), {"front", "back"}) == []

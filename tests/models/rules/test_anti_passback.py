"""Nobody enters a zone twice without leaving it, and what is not known refuses nobody."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import DenyReason, PersonId
from models.rules.anti_passback import entries_again, passages_after
from models.rules.decide import decide_access
from models.rules.factors import Factor
from models.rules.policy import OPEN_SITE, PassbackMode, PassbackZone, Policy, WhenOffline
from models.rules.request import DoorState, Passage, PersonAccess, Request

NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Berlin"))
ADA = PersonAccess(PersonId("a" * 32), groups=frozenset({"guards"}))
YARD = PassbackZone("yard", frozenset({"in"}), frozenset({"out"}), exempt_group="drivers")


def site(**change: object) -> Policy:
    return replace(OPEN_SITE, zones=(replace(YARD, **change),))  # type: ignore[arg-type]


def ask(policy: Policy, door: str, passages: tuple[Passage, ...], **state: bool) -> list[bool]:
    """One entry for each zone that is entered again: whether that refuses."""
    request = Request(door, NOON, ADA, frozenset({Factor.FACE}))
    found = [each.refused for each in entries_again(policy, request, DoorState(passages=passages, **state))]
    verdict = decide_access(policy, request, DoorState(passages=passages, **state))
    assert (verdict.reason is DenyReason.ANTI_PASSBACK) == any(found)
    assert (DenyReason.ANTI_PASSBACK in verdict.notes) == (found != [] and not any(found))
    return found


def inside(minutes_ago: float = 5) -> tuple[Passage, ...]:
    return (Passage("yard", True, NOON - timedelta(minutes=minutes_ago)),)


def test_a_second_entry_is_refused_and_leaving_never() -> None:
    assert ask(site(), "in", ()) == []
    assert ask(site(), "in", inside()) == [True]
    assert ask(site(), "out", inside()) == []
    assert ask(site(), "elsewhere", inside()) == []
    assert ask(site(), "in", (Passage("yard", False, NOON),)) == []
    assert ask(site(), "in", (Passage("garden", True, NOON),)) == []


def test_a_soft_zone_notes_it() -> None:
    assert ask(site(mode=PassbackMode.SOFT), "in", inside()) == [False]


def test_a_timed_zone_refuses_for_some_minutes() -> None:
    timed = site(mode=PassbackMode.TIMED, minutes=5)
    assert ask(timed, "in", inside(4.99)) == [True]
    assert ask(timed, "in", inside(5)) == []


def test_an_old_entry_is_forgotten() -> None:
    assert ask(site(), "in", inside(12 * 60 - 1)) == [True]
    assert ask(site(), "in", inside(12 * 60)) == []


def test_an_exempt_group_is_never_refused() -> None:
    assert ask(site(exempt_group="guards"), "in", inside()) == []
    assert ask(site(exempt_group=""), "in", inside()) == [True]


@pytest.mark.parametrize(
    ("when", "mode", "expected"),
    [
        (WhenOffline.SOFT, PassbackMode.HARD, [False]),
        (WhenOffline.HARD, PassbackMode.HARD, [True]),
        (WhenOffline.HARD, PassbackMode.SOFT, [False]),
        (WhenOffline.OFF, PassbackMode.HARD, []),
    ],
)
def test_out_of_reach_of_the_other_doors(when: WhenOffline, mode: PassbackMode, expected: list[bool]) -> None:
    assert ask(site(when_offline=when, mode=mode), "in", inside(), zones_reached=False) == expected


def test_a_zone_of_one_door_reaches_all_of_it() -> None:
    alone = site(exits=frozenset(), mode=PassbackMode.TIMED, minutes=30)
    assert ask(alone, "in", inside(), zones_reached=False) == [True]


def test_a_grant_moves_the_person_when_the_door_was_opened() -> None:
    assert passages_after(site(), "in", NOON) == (Passage("yard", True, NOON),)
    assert passages_after(site(), "in", NOON, opened=True) == (Passage("yard", True, NOON),)
    assert passages_after(site(), "out", NOON, opened=True) == (Passage("yard", False, NOON),)
    assert passages_after(site(), "in", NOON, opened=False) == ()
    assert passages_after(site(), "out", NOON, opened=False) == ()
    assert passages_after(site(), "elsewhere", NOON) == ()
    assert passages_after(site(confirmed=False), "in", NOON, opened=False) == (Passage("yard", True, NOON),)


@given(st.lists(st.sampled_from(["in", "out"]), max_size=12))
def test_walking_about_is_refused_exactly_when_a_person_enters_twice_running(walk: list[str]) -> None:
    policy, passages, refused, is_inside = site(), (), [], False
    expected = []
    for door in walk:
        expected.append(door == "in" and is_inside)
        is_inside = door == "in"
        refused.append(ask(policy, door, passages) == [True])
        if not refused[-1]:
            passages = passages_after(policy, door, NOON)
    assert refused == expected

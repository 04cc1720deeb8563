"""What a dry run of new rules says is what the decision says, asked minute by minute."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import CheckName, DenyReason, PersonId
from models.rules.decide import decide_access
from models.rules.difference import AccessChange, Change, Span, differences
from models.rules.document import policy_from_text
from models.rules.factors import Factor
from models.rules.policy import OPEN_SITE, Policy
from models.rules.request import DoorState, PersonAccess, Request
from tests.models.rules.naive import schedule_says
from tests.models.rules.strategies import DOORS, World

ZONE = ZoneInfo("Asia/Kathmandu")
FIRST_DAY = date(2026, 3, 28)
DAYS = 2
ADA, BO = PersonId("a" * 32), PersonId("b" * 32)
LOOKED_AT = [minute for minute in range(1440) if minute % 15 in (0, 1, 14)]
"""The random worlds change at quarters of an hour and at 23:59: both sides of each, and one more minute."""
Minute = tuple[str, PersonId | None, date, int, Change]


def minutes_of(changes: list[AccessChange]) -> set[Minute]:
    return {
        (each.door, person, span.day, minute, each.change)
        for each in changes
        for person in each.people or (None,)
        for span in each.spans
        for minute in range(span.start, span.end)
        if minute in LOOKED_AT
    }


def passing(policy: Policy, person: PersonAccess, door: str, at: datetime) -> object:
    """How a person with every factor passes, by the decision itself; None when not."""
    shows_all = replace(person, has_face=True, has_pin=True, has_card=True)
    verdict = decide_access(policy, Request(door, at, shows_all, frozenset(Factor)), DoorState())
    if verdict.reason not in (None, DenyReason.NEEDS_SECOND_PERSON):
        return None
    pairs = [check.saw for check in verdict.trace if check.name is CheckName.SECOND_PERSON]
    return verdict.ways, [(saw["group"], saw["within_s"]) for saw in pairs]


def unlocked(policy: Policy, door: str, at: datetime) -> object:
    waits = [
        each.first_person
        for each in policy.unlock_times
        if each.door == door and schedule_says(policy, each.schedule, at)
    ]
    return ("first person" if all(waits) else "now") if waits else None


def compared(old: object, new: object, begins: Change, ends: Change) -> Change | None:
    if old == new:
        return None
    return Change.OTHERWISE if old and new else begins if new else ends


def minute_by_minute(before: Policy, after: Policy, people: list[PersonAccess]) -> set[Minute]:
    found: set[Minute] = set()
    for door in DOORS:
        for number, minute in product(range(DAYS), LOOKED_AT):
            day = FIRST_DAY + timedelta(days=number)
            at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZONE)
            change = compared(
                unlocked(before, door, at), unlocked(after, door, at), Change.UNLOCKED, Change.LOCKED
            )
            if change:
                found.add((door, None, day, minute, change))
            for person in people:
                old, new = passing(before, person, door, at), passing(after, person, door, at)
                change = compared(old, new, Change.GAINS, Change.LOSES)
                if change:
                    found.add((door, person.person_id, day, minute, change))
    return found


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_the_changes_are_those_of_asking_minute_by_minute(seed: int) -> None:
    world = World(Random(seed), ZONE)
    before, after = world.policy(), world.policy()
    if world.often():
        after = replace(before, rules=after.rules)
    people = [
        replace(world.person(), person_id=person_id, valid_until=world.limit()) for person_id in (ADA, BO)
    ]
    changes = differences(
        before, after, people=people, doors=DOORS, first_day=FIRST_DAY, zone=ZONE, days=DAYS
    )
    assert minutes_of(changes) == minute_by_minute(before, after, people)
    assert differences(after, after, people=people, doors=DOORS, first_day=FIRST_DAY, zone=ZONE) == []


def test_a_dry_run_says_who_gains_and_loses_what_when() -> None:
    after = policy_from_text(
        """
        groups = ["staff"]
        [schedules.office]
        mon-fri = ["07:00-19:00"]
        [holidays]
        2026-12-25 = "public"
        [[rule]]
        name = "staff"
        group = "staff"
        doors = ["front"]
        schedule = "office"
        [[unlock]]
        door = "lab"
        schedule = "office"
        """
    )
    friday = date(2026, 12, 25)
    people = [
        PersonAccess(ADA, groups=frozenset({"staff"})),
        PersonAccess(BO),
        PersonAccess(PersonId("c" * 32), suspended=True),
    ]
    thursday = friday - timedelta(days=1)
    changes = differences(
        OPEN_SITE, after, people=people, doors=["front", "lab"], first_day=thursday, zone=ZONE, days=2
    )
    both_days = (Span(thursday, 0, 1440), Span(friday, 0, 1440))
    assert changes == [
        AccessChange(
            "front",
            Change.LOSES,
            (ADA,),
            (Span(thursday, 0, 420), Span(thursday, 1140, 1440), Span(friday, 0, 1440)),
        ),
        AccessChange("front", Change.LOSES, (BO,), both_days),
        AccessChange("lab", Change.UNLOCKED, (), (Span(thursday, 420, 1140),)),
        AccessChange("lab", Change.LOSES, (ADA,), both_days),
        AccessChange("lab", Change.LOSES, (BO,), both_days),
    ]


def test_other_factors_are_a_change_too() -> None:
    rule = OPEN_SITE.rules[0]
    after = replace(OPEN_SITE, rules=(replace(rule, ways=(frozenset({Factor.FACE, Factor.PIN}),)),))
    changes = differences(
        OPEN_SITE,
        after,
        people=[PersonAccess(ADA), PersonAccess(BO)],
        doors=["front"],
        first_day=FIRST_DAY,
        zone=ZONE,
        days=1,
    )
    assert changes == [AccessChange("front", Change.OTHERWISE, (ADA, BO), (Span(FIRST_DAY, 0, 1440),))]


def test_limits_in_time_end_a_span_at_the_next_whole_minute() -> None:
    """A person who is valid until half past a minute, and a rule that begins on the hour."""
    person = PersonAccess(ADA, valid_until=datetime(2026, 3, 28, 12, 0, 30, tzinfo=ZONE))
    rule = replace(OPEN_SITE.rules[0], valid_from=datetime(2026, 3, 28, 9, tzinfo=ZONE))
    changes = differences(
        Policy(),
        replace(OPEN_SITE, rules=(rule,)),
        people=[person],
        doors=["front"],
        first_day=FIRST_DAY,
        zone=ZONE,
        days=2,
    )
    assert changes == [AccessChange("front", Change.GAINS, (ADA,), (Span(FIRST_DAY, 540, 721),))]

"""The decision is that of an independent implementation, and each reason is given where it is due."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import CheckName, DenyReason, PersonId
from models.rules.decide import decide_access
from models.rules.factors import Factor, parse_way, way_text
from models.rules.policy import OPEN_SITE, Policy, Rule, Schedule, TwoPersonDoor, Window
from models.rules.request import (
    DoorState,
    Failures,
    FirstOfTwo,
    Lockdown,
    PersonAccess,
    Request,
    Verdict,
)
from models.rules.two_person import first_of_two_after
from tests.models.rules.naive import naive_answer
from tests.models.rules.strategies import cases

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=BERLIN)
ADA = PersonAccess(PersonId("a" * 32), groups=frozenset({"staff"}), has_pin=True)
BO = PersonAccess(PersonId("b" * 32), groups=frozenset({"staff"}), has_pin=True)
FACE = frozenset({Factor.FACE})
OFFICE = Schedule("office", ((Window(420, 1140),),) * 5 + ((), ()))


def office_rule(*ways: str) -> Rule:
    return Rule("office hours", "staff", frozenset({"front"}), "office", tuple(map(parse_way, ways)))


def policy(*ways: str) -> Policy:
    return Policy(frozenset({"staff"}), {"office": OFFICE}, rules=(office_rule(*ways),))


def ask(
    rules: Policy,
    person: PersonAccess = ADA,
    *,
    door: str = "front",
    at: datetime = MONDAY_NOON,
    shown: str = "face",
    state: DoorState | None = None,
) -> Verdict:
    factors = parse_way(shown) if shown else frozenset()
    return decide_access(rules, Request(door, at, person, factors), state or DoorState())


@pytest.mark.slow
@settings(max_examples=4000, deadline=None)
@given(cases)
def test_the_decision_is_that_of_the_naive_implementation(case: tuple[Policy, Request, DoorState]) -> None:
    verdict, expected = decide_access(*case), naive_answer(*case)
    assert verdict.reason == expected.reason
    assert {"+".join(sorted(map(str, way))) for way in verdict.ways} == expected.enough
    assert verdict.longer == expected.longer
    assert (DenyReason.ANTI_PASSBACK in verdict.notes) == expected.noted


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(cases)
def test_the_trace_is_in_order_plain_json_and_ends_with_the_check_that_failed(
    case: tuple[Policy, Request, DoorState],
) -> None:
    verdict = decide_access(*case)
    order = list(CheckName)
    places = [order.index(check.name) for check in verdict.trace]
    assert places == sorted(set(places))
    assert [check.passed for check in verdict.trace[:-1]] == [True] * (len(verdict.trace) - 1)
    assert verdict.trace[-1].passed == verdict.allowed
    for check in verdict.trace:
        assert json.loads(json.dumps(check.saw)) == check.saw
        assert str(case[1].person.person_id) not in json.dumps(check.saw)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(cases)
def test_a_policy_without_rules_lets_nobody_in_but_for_fire(case: tuple[Policy, Request, DoorState]) -> None:
    rules, request, state = case
    verdict = decide_access(replace(rules, rules=()), request, state)
    assert verdict.allowed == state.fire_release


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(cases)
def test_who_shows_more_is_not_refused_for_it(case: tuple[Policy, Request, DoorState]) -> None:
    rules, request, state = case
    if decide_access(rules, request, state).allowed:
        assert decide_access(rules, replace(request, shown=frozenset(Factor)), state).allowed


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(cases, st.integers(0, 2**32))
def test_a_closed_rule_opens_when_the_trace_says_so_and_not_before(
    case: tuple[Policy, Request, DoorState], seed: int
) -> None:
    rules, request, _ = case
    anybody = PersonAccess(request.person.person_id, groups=request.person.groups)
    now = request.at.astimezone(UTC)

    def closed(at: datetime) -> bool:
        asked = Request(request.door, at.astimezone(request.at.tzinfo), anybody, frozenset(Factor))
        return naive_answer(rules, asked, DoorState()).reason is DenyReason.OUTSIDE_HOURS

    verdict = decide_access(rules, replace(request, person=anybody), DoorState())
    if verdict.reason is not DenyReason.OUTSIDE_HOURS:
        return
    said = verdict.trace[-1].saw["opens"]
    opens = now + timedelta(days=14) if said is None else datetime.fromisoformat(said).astimezone(UTC)
    assert said is None or not closed(opens)
    rng = Random(seed)
    before = [opens - timedelta(microseconds=1), *(now + rng.random() * (opens - now) for _ in range(20))]
    assert all(closed(each) for each in before)


def test_a_site_without_rules_of_its_own_lets_everybody_in_by_the_face_alone() -> None:
    assert ask(OPEN_SITE).allowed
    assert ask(OPEN_SITE, shown="pin").reason is DenyReason.NEEDS_FACE


def test_nothing_shown_is_never_enough_even_for_a_rule_that_asks_for_nothing() -> None:
    rules = replace(OPEN_SITE, rules=(replace(OPEN_SITE.rules[0], ways=(frozenset(),)),))
    assert ask(rules, shown="").reason is DenyReason.NO_RULE
    assert ask(OPEN_SITE, shown="").reason is DenyReason.NEEDS_FACE


@pytest.mark.parametrize(
    ("person", "change", "reason"),
    [
        (ADA, {}, None),
        (ADA, {"door": "lab"}, DenyReason.NO_RULE),
        (replace(ADA, groups=frozenset()), {}, DenyReason.NO_RULE),
        (ADA, {"at": MONDAY_NOON.replace(hour=19)}, DenyReason.OUTSIDE_HOURS),
        (ADA, {"at": MONDAY_NOON.replace(hour=18, minute=59, second=59)}, None),
        (ADA, {"shown": "card"}, DenyReason.NEEDS_FACE),
        (replace(ADA, suspended=True), {"door": "lab"}, DenyReason.SUSPENDED),
        (replace(ADA, valid_from=MONDAY_NOON + timedelta(seconds=1)), {}, DenyReason.NOT_YET_VALID),
        (replace(ADA, valid_from=MONDAY_NOON), {}, None),
        (replace(ADA, valid_until=MONDAY_NOON), {}, DenyReason.EXPIRED),
        (replace(ADA, valid_until=MONDAY_NOON + timedelta(seconds=1)), {}, None),
    ],
)
def test_the_reason_is_the_one_that_helps(
    person: PersonAccess, change: dict[str, object], reason: DenyReason | None
) -> None:
    assert ask(policy("face"), person, **change).reason is reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ways", "person", "shown", "reason", "enough"),
    [
        (["face+pin"], ADA, "face", DenyReason.NEEDS_PIN, ["face+pin"]),
        (["face+card"], ADA, "face", DenyReason.NEEDS_CARD, ["face+card"]),
        (["face+card", "face+pin"], ADA, "face", DenyReason.NEEDS_PIN, ["face+pin"]),
        (["pin+card"], ADA, "pin", DenyReason.NEEDS_CARD, ["pin+card"]),
        (["face"], replace(ADA, second_factor=True), "face", DenyReason.NEEDS_PIN, ["face+pin"]),
        (["face"], replace(ADA, second_factor=True), "face+pin", None, ["face+pin"]),
        (["face", "pin"], replace(ADA, has_face=False), "pin", None, ["pin"]),
        (["face"], replace(ADA, has_face=False), "pin", DenyReason.NEEDS_FACE, ["face"]),
        (["face", "face+pin"], ADA, "face", None, ["face", "face+pin"]),
    ],
)
def test_the_missing_factor_is_one_that_the_person_has(
    ways: list[str], person: PersonAccess, shown: str, reason: DenyReason | None, enough: list[str]
) -> None:
    verdict = ask(policy(*ways), person, shown=shown)
    assert verdict.reason is reason
    assert [way_text(way) for way in verdict.ways] == enough


def test_any_rule_that_says_yes_is_enough_and_the_others_say_why_not() -> None:
    night = Rule("night", "staff", frozenset({"*"}), "always", (parse_way("face+pin"),))
    old = Rule("old", "staff", frozenset({"front"}), valid_until=MONDAY_NOON)
    rules = replace(policy("face"), rules=(office_rule("face"), night, old))
    late = MONDAY_NOON.replace(hour=22)
    assert ask(rules, at=late).reason is DenyReason.NEEDS_PIN
    verdict = ask(rules, at=late, shown="face+pin")
    saw = {check.name: check.saw for check in verdict.trace}
    assert verdict.allowed
    assert saw[CheckName.RULE]["rules"] == ["office hours", "night", "old"]
    assert [each["closed"] for each in saw[CheckName.SCHEDULE]["rules"]] == ["schedule", None, "expired"]
    assert saw[CheckName.SCHEDULE]["rules"][0]["windows"] == ["07:00-19:00"]
    assert (saw[CheckName.FACTORS]["rule"], saw[CheckName.FACTORS]["way"]) == ("night", "face+pin")


def lockdown(**change: object) -> DoorState:
    given = Lockdown("all", frozenset({"*"}), "guards", "alarm", MONDAY_NOON)
    return DoorState(lockdowns=(replace(given, **change),))  # type: ignore[arg-type]


def test_a_lockdown_refuses_all_but_its_group_who_still_need_a_rule() -> None:
    guard = replace(ADA, groups=frozenset({"staff", "guards"}))
    assert ask(policy("face"), state=lockdown()).reason is DenyReason.LOCKDOWN
    assert ask(policy("face"), guard, state=lockdown()).allowed
    assert ask(policy("face"), guard, door="lab", state=lockdown()).reason is DenyReason.NO_RULE
    assert ask(policy("face"), state=lockdown(doors=frozenset({"lab"}))).allowed
    assert ask(policy("face"), state=lockdown(ends_at=MONDAY_NOON)).allowed
    assert ask(policy("face"), state=lockdown(bypass_group="")).reason is DenyReason.LOCKDOWN


def test_a_drill_refuses_nobody_and_is_in_the_trace() -> None:
    verdict = ask(policy("face"), state=lockdown(drill=True))
    assert verdict.allowed
    assert verdict.trace[0].saw["lockdowns"][0]["drill"] is True


def test_fire_lets_everybody_through_and_records_it() -> None:
    state = replace(lockdown(), fire_release=True)
    verdict = ask(Policy(), replace(ADA, suspended=True), state=state)
    assert verdict.allowed
    assert [check.saw["mode"] for check in verdict.trace] == ["fire"]


def test_failed_attempts_make_a_person_wait_and_say_until_when() -> None:
    state = DoorState(failures=Failures(6, MONDAY_NOON))
    verdict = ask(policy("face"), at=MONDAY_NOON + timedelta(seconds=59), state=state)
    assert verdict.reason is DenyReason.LOCKED_OUT
    assert verdict.trace[-1].saw["until"] == "2026-11-23T12:01:00+01:00"
    assert ask(policy("face"), at=MONDAY_NOON + timedelta(seconds=60), state=state).allowed


def test_a_disabled_face_leaves_the_other_ways() -> None:
    state = DoorState(failures=Failures(50, MONDAY_NOON - timedelta(hours=2)))
    assert ask(policy("face"), state=state).reason is DenyReason.LOCKED_OUT
    assert ask(policy("face", "pin"), state=state).reason is DenyReason.NEEDS_PIN
    assert ask(policy("face", "pin"), state=state, shown="pin").allowed
    assert ask(policy("face+pin", "pin+card"), state=state, shown="face+pin").reason is DenyReason.NEEDS_CARD
    assert ask(policy("face"), state=replace(state, attack_detection=True)).allowed


def test_two_people_one_after_the_other() -> None:
    rules = replace(policy("face"), two_person=(TwoPersonDoor("front", "staff", 15.0),))
    state = DoorState()
    request = Request("front", MONDAY_NOON, ADA, FACE)
    verdict = decide_access(rules, request, state)
    assert verdict.reason is DenyReason.NEEDS_SECOND_PERSON
    first = first_of_two_after(request, verdict, state)
    assert first == FirstOfTwo(ADA.person_id, MONDAY_NOON)
    state = replace(state, first_of_two=first)
    assert ask(rules, ADA, state=state).reason is DenyReason.NEEDS_SECOND_PERSON
    late = MONDAY_NOON + timedelta(seconds=15, microseconds=1)
    assert ask(rules, BO, at=late, state=state).reason is DenyReason.NEEDS_SECOND_PERSON
    second = Request("front", MONDAY_NOON + timedelta(seconds=15), BO, FACE)
    verdict = decide_access(rules, second, state)
    assert verdict.allowed
    assert first_of_two_after(second, verdict, state) is None


def test_a_denial_for_another_reason_lets_the_first_of_two_go_on_waiting() -> None:
    rules = replace(policy("face"), two_person=(TwoPersonDoor("front"),))
    state = DoorState(first_of_two=FirstOfTwo(ADA.person_id, MONDAY_NOON))
    request = Request("front", MONDAY_NOON, replace(BO, suspended=True), FACE)
    verdict = decide_access(rules, request, state)
    assert verdict.reason is DenyReason.SUSPENDED
    assert first_of_two_after(request, verdict, state) == state.first_of_two


def test_times_are_compared_as_moments_in_the_night_in_which_the_clocks_go_back() -> None:
    """02:30 comes twice; the second is an hour after the first, though their clock faces are equal."""
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    assert ask(OPEN_SITE, replace(ADA, valid_until=second), at=first).allowed
    assert ask(OPEN_SITE, replace(ADA, valid_until=first), at=second).reason is DenyReason.EXPIRED
    assert ask(OPEN_SITE, replace(ADA, valid_from=second), at=first).reason is DenyReason.NOT_YET_VALID


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ask(OPEN_SITE, at=MONDAY_NOON.replace(tzinfo=None))


@pytest.mark.slow
def test_the_random_cases_reach_every_reason() -> None:
    """Otherwise the comparison with the naive implementation would compare little."""
    seen: Counter[DenyReason | None] = Counter()

    @settings(max_examples=1500, deadline=None, database=None)
    @given(cases)
    def collect(case: tuple[Policy, Request, DoorState]) -> None:
        seen[decide_access(*case).reason] += 1

    collect()
    assert set(seen) == {
        None,
        DenyReason.LOCKDOWN,
        DenyReason.SUSPENDED,
        DenyReason.NOT_YET_VALID,
        DenyReason.EXPIRED,
        DenyReason.LOCKED_OUT,
        DenyReason.ANTI_PASSBACK,
        DenyReason.NO_RULE,
        DenyReason.OUTSIDE_HOURS,
        DenyReason.NEEDS_PIN,
        DenyReason.NEEDS_CARD,
        DenyReason.NEEDS_FACE,
        DenyReason.NEEDS_SECOND_PERSON,
    }

"""`decide_access`: may this person pass this door now, by what was shown? And why not?

The checks, in order; the first that fails is the answer: the door's mode, the person's status, validity and
failed attempts, anti-passback, then the rules (group and door, schedule, factors), then the second person.
Nobody is let in but by a rule that says yes; only a release because of fire asks for none. No rule forbids.
docs/explanation/access-rules.md explains each check.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.domain import CheckName, CheckResult, DenyReason
from models.rules.anti_passback import entries_again
from models.rules.door_mode import DoorMode, covers, door_mode, lockdowns_of
from models.rules.factors import Factor, Way, way_text
from models.rules.lockout import delay_s, face_disabled, still_waits
from models.rules.policy import Policy, Rule
from models.rules.request import DoorState, Request, Verdict
from models.rules.schedule import is_open_by_name, local_time, next_change, row_of, to_utc, window_text
from models.rules.two_person import second_person_missing, two_person_door

FACE_ALONE: Way = frozenset({Factor.FACE})
SECOND_FACTORS: tuple[Way, ...] = (
    frozenset({Factor.FACE, Factor.PIN}),
    frozenset({Factor.FACE, Factor.CARD}),
)
"""What takes the place of the face alone, for a person of whom it is not enough."""

PROMPTS: tuple[tuple[Factor, DenyReason], ...] = (
    (Factor.FACE, DenyReason.NEEDS_FACE),
    (Factor.CARD, DenyReason.NEEDS_CARD),
    (Factor.PIN, DenyReason.NEEDS_PIN),
)
"""Of several missing factors the first of these is asked for: the PIN, which is the person's secret, last."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A check that was made.

    Attributes:
        check: for the trace.
        reason: why it failed; None when it passed.
        ways: what would be enough; of the check of factors only.
        notes: what is to be recorded.
        final: True when no other check is made.
    """

    check: CheckResult
    reason: DenyReason | None = None
    ways: tuple[Way, ...] = ()
    notes: tuple[DenyReason, ...] = ()
    final: bool = False


def effective_ways(rules: Iterable[Rule], second_factor: bool, no_face: bool = False) -> tuple[Way, ...]:
    """Return the ways of some rules that count for a person, the shortest first, each once.

    An empty way counts for nothing: it would let in whoever shows nothing.

    Args:
        rules: that let the person in now.
        second_factor: the face alone is not enough for this person: a PIN or a card must come to it.
        no_face: the face does not count, after too many failed attempts.
    """
    found: set[Way] = set()
    for way in (way for rule in rules for way in rule.ways):
        found.update(SECOND_FACTORS if second_factor and way == FACE_ALONE else (way,))
    counting = (way for way in found if way and not (no_face and Factor.FACE in way))
    return tuple(sorted(counting, key=lambda way: (len(way), way_text(way))))


def decide_access(policy: Policy, request: Request, state: DoorState) -> Verdict:
    """Return whether a person may pass a door, why not, and every check that was made.

    Args:
        policy: the site's rules.
        request: who wants to pass, where, when, and what they showed.
        state: what is in force at the door, and what the person did before.

    Raises:
        ValueError: a time has no zone.
    """
    trace: list[CheckResult] = []
    ways: tuple[Way, ...] = ()
    notes: tuple[DenyReason, ...] = ()
    for outcome in _checks(policy, request, state):
        trace.append(outcome.check)
        ways, notes = outcome.ways or ways, outcome.notes or notes
        if outcome.reason is not None:
            return Verdict(outcome.reason, tuple(trace), ways, notes=notes)
        if outcome.final:
            break
    return Verdict(None, tuple(trace), ways, longer=request.person.longer_unlock, notes=notes)


def _checks(policy: Policy, request: Request, state: DoorState) -> Iterator[_Outcome]:
    """Every check in order, each made only when the one before it has passed."""
    yield _check_door_mode(policy, request, state)
    yield _check_status(request)
    yield _check_validity(request)
    yield _check_lockout(request, state)
    yield _check_passback(policy, request, state)
    rules = [each for each in policy.rules if _names(each, request)]
    yield _check_rule(request, rules)
    opened = [each for each in rules if _closed_because(policy, each, request.at) is None]
    yield _check_schedule(policy, request, rules, opened)
    yield _check_factors(request, state, opened)
    yield from _check_second_person(policy, request, state)


def _outcome(name: CheckName, saw: dict[str, Any], reason: DenyReason | None = None) -> _Outcome:
    return _Outcome(CheckResult(name, reason is None, saw), reason)


def _check_door_mode(policy: Policy, request: Request, state: DoorState) -> _Outcome:
    mode = door_mode(policy, request.door, request.at, state)
    saw: dict[str, Any] = {"door": request.door, "mode": str(mode)}
    if mode is DoorMode.FIRE:
        return _Outcome(CheckResult(CheckName.DOOR_MODE, True, saw), final=True)
    lockdowns = [
        {
            "plan": each.plan,
            "bypass_group": each.bypass_group,
            "drill": each.drill,
            "bypassed": request.person.is_in(each.bypass_group),
        }
        for each in lockdowns_of(state, request.door, request.at)
    ]
    if lockdowns:
        saw["lockdowns"] = lockdowns
    refused = any(not each["drill"] and not each["bypassed"] for each in lockdowns)
    return _outcome(CheckName.DOOR_MODE, saw, DenyReason.LOCKDOWN if refused else None)


def _check_status(request: Request) -> _Outcome:
    suspended = request.person.suspended
    reason = DenyReason.SUSPENDED if suspended else None
    return _outcome(CheckName.STATUS, {"suspended": suspended}, reason)


def _check_validity(request: Request) -> _Outcome:
    person, now = request.person, to_utc(request.at)
    reason = None
    if person.valid_from is not None and now < to_utc(person.valid_from):
        reason = DenyReason.NOT_YET_VALID
    elif person.valid_until is not None and now >= to_utc(person.valid_until):
        reason = DenyReason.EXPIRED
    saw = {
        "at": _minutes_text(request.at, request),
        "from": _minutes_text(person.valid_from, request),
        "until": _minutes_text(person.valid_until, request),
    }
    return _outcome(CheckName.VALIDITY, saw, reason)


def _check_lockout(request: Request, state: DoorState) -> _Outcome:
    failures, attacks = state.failures, state.attack_detection
    last = failures.last_at
    waited_s = None if last is None else (to_utc(request.at) - to_utc(last)).total_seconds()
    saw: dict[str, Any] = {
        "failures": failures.count,
        "delay_s": delay_s(failures.count, attacks),
        "face_disabled": face_disabled(failures.count, attacks),
    }
    if not still_waits(failures, waited_s, attacks):
        return _outcome(CheckName.LOCKOUT, saw)
    if last is not None:
        end = to_utc(last) + timedelta(seconds=saw["delay_s"])
        saw["until"] = end.astimezone(request.at.tzinfo).isoformat(timespec="seconds")
    return _outcome(CheckName.LOCKOUT, saw, DenyReason.LOCKED_OUT)


def _check_passback(policy: Policy, request: Request, state: DoorState) -> _Outcome:
    again = entries_again(policy, request, state)
    saw = {
        "reached": state.zones_reached,
        "entered_again": [
            {"zone": each.zone, "since": _minutes_text(each.since, request), "refused": each.refused}
            for each in again
        ],
    }
    if any(each.refused for each in again):
        return _outcome(CheckName.ANTI_PASSBACK, saw, DenyReason.ANTI_PASSBACK)
    notes = (DenyReason.ANTI_PASSBACK,) if again else ()
    return _Outcome(CheckResult(CheckName.ANTI_PASSBACK, True, saw), notes=notes)


def _check_rule(request: Request, rules: list[Rule]) -> _Outcome:
    saw = {
        "door": request.door,
        "groups": sorted(request.person.groups),
        "rules": [each.name for each in rules],
    }
    return _outcome(CheckName.RULE, saw, None if rules else DenyReason.NO_RULE)


def _check_schedule(policy: Policy, request: Request, rules: list[Rule], opened: list[Rule]) -> _Outcome:
    local = local_time(request.at)
    saw = {
        "at": _minutes_text(request.at, request),
        "weekday": local.weekday(),
        "holiday": policy.calendar.get(local.date()),
        "opens": None if opened else _opens_text(policy, request, rules),
        "rules": [
            {
                "rule": each.name,
                "schedule": each.schedule,
                "windows": _windows_today(policy, each.schedule, local),
                "closed": _closed_because(policy, each, request.at),
            }
            for each in rules
        ],
    }
    return _outcome(CheckName.SCHEDULE, saw, None if opened else DenyReason.OUTSIDE_HOURS)


def _check_factors(request: Request, state: DoorState, opened: list[Rule]) -> _Outcome:
    """Whether one of the ways of the open rules was shown; if not, what is missing of the nearest one."""
    person = request.person
    no_face = face_disabled(state.failures.count, state.attack_detection)
    shown = request.shown - FACE_ALONE if no_face else request.shown
    allowed = effective_ways(opened, person.second_factor, no_face)
    possible = tuple(way for way in allowed if way <= shown or person.can_show(way - shown))
    saw: dict[str, Any] = {
        "shown": [str(factor) for factor in Factor if factor in request.shown],
        "enough": [way_text(way) for way in allowed],
        "possible": [way_text(way) for way in possible],
        "second_factor": person.second_factor,
        "face_disabled": no_face,
    }
    ways = possible or allowed
    for rule in opened:
        used = [way for way in effective_ways([rule], person.second_factor, no_face) if way <= shown]
        if used:
            saw |= {"rule": rule.name, "way": way_text(used[0])}
            return _Outcome(CheckResult(CheckName.FACTORS, True, saw), ways=ways)
    reason = DenyReason.LOCKED_OUT if no_face else DenyReason.NO_RULE
    if ways:
        nearest = min(ways, key=lambda way: len(way - shown))
        reason = next(reason for factor, reason in PROMPTS if factor in nearest - shown)
    return _Outcome(CheckResult(CheckName.FACTORS, False, saw), reason, ways)


def _check_second_person(policy: Policy, request: Request, state: DoorState) -> Iterator[_Outcome]:
    """Only at a door that has such a rule."""
    rule = two_person_door(policy, request.door)
    if rule is not None:
        missing = second_person_missing(rule, request, state)
        saw = {
            "group": rule.group,
            "within_s": rule.within_s,
            "first": state.first_of_two is not None,
            "same": state.first_of_two is not None
            and state.first_of_two.person_id == request.person.person_id,
        }
        yield _outcome(CheckName.SECOND_PERSON, saw, DenyReason.NEEDS_SECOND_PERSON if missing else None)


def _names(rule: Rule, request: Request) -> bool:
    return covers(rule.doors, request.door) and request.person.is_in(rule.group)


def _closed_because(policy: Policy, rule: Rule, at: datetime) -> str | None:
    """Why a rule does not count now: `not_yet_valid`, `expired` or `schedule`; None when it does."""
    if rule.valid_from is not None and to_utc(at) < to_utc(rule.valid_from):
        return "not_yet_valid"
    if rule.valid_until is not None and to_utc(at) >= to_utc(rule.valid_until):
        return "expired"
    return None if is_open_by_name(policy, rule.schedule, at) else "schedule"


def _opens_text(policy: Policy, request: Request, rules: list[Rule]) -> str | None:
    """When the first of some closed rules opens again, within two weeks of its begin; None for not then."""
    moments = [each for rule in rules if (each := _opens(policy, rule, request.at)) is not None]
    return min(moments).astimezone(request.at.tzinfo).isoformat() if moments else None


def _opens(policy: Policy, rule: Rule, at: datetime) -> datetime | None:
    """When a rule that is closed at a moment opens again, in UTC."""
    start = at
    if rule.valid_from is not None and to_utc(rule.valid_from) > to_utc(at):
        start = to_utc(rule.valid_from).astimezone(at.tzinfo)
    schedule = policy.schedules.get(rule.schedule)
    opens: datetime | None = start
    if not is_open_by_name(policy, rule.schedule, start):
        opens = None if schedule is None else next_change(schedule, policy.calendar, start)
    if opens is None or _closed_because(policy, rule, opens) is not None:
        return None
    return to_utc(opens)


def _windows_today(policy: Policy, name: str, local: datetime) -> list[str] | None:
    """The day's windows as text; None of a schedule that is not written down, such as `always`."""
    schedule = policy.schedules.get(name)
    if schedule is None:
        return None
    return [window_text(each) for each in row_of(schedule, policy.calendar, local.date())]


def _minutes_text(at: datetime | None, request: Request) -> str | None:
    """A moment to the minute, on the clock of the request's zone."""
    if at is None:
        return None
    return to_utc(at).astimezone(request.at.tzinfo).isoformat(timespec="minutes")

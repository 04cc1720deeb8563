"""`naive_answer`: the whole decision once more, from the written rules, as a list of conditions.

It shares no code with `models.rules.decide` but the types: times are whole microseconds, a schedule is the
set of its open minutes, and all conditions are worked out before the first that refuses is looked for.
docs/explanation/access-rules.md is the text it follows.
"""

import calendar as months
from dataclasses import dataclass
from datetime import UTC, date, datetime

from models.domain import DenyReason
from models.rules.policy import (
    PassbackMode,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    WhenOffline,
)
from models.rules.request import DoorState, PersonAccess, Request

SECOND = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What `decide_access` must say too."""

    reason: DenyReason | None
    enough: frozenset[str]
    longer: bool
    noted: bool


def microseconds(at: datetime) -> int:
    """Since 1970, exact."""
    return months.timegm(at.astimezone(UTC).timetuple()) * SECOND + at.microsecond


def clock_face(at: datetime) -> tuple[date, int]:
    """The local date and minute of the day."""
    seconds = microseconds(at) // SECOND
    local = datetime.fromtimestamp(seconds, at.tzinfo)
    return local.date(), local.hour * 60 + local.minute


def open_minutes(schedule: Schedule, kinds: dict[date, str], day: date) -> set[int]:
    """Every minute of a day in which the schedule is open."""
    weekday = schedule.week[day.isoweekday() - 1]
    row = schedule.holidays.get(kinds[day], ()) if day in kinds else weekday
    return {minute for window in row for minute in range(window.start, window.end)}


def schedule_says(policy: Policy, name: str, at: datetime) -> bool:
    """`always`, or a minute that is open."""
    if name == "always":
        return True
    if name not in policy.schedules:
        return False
    day, minute = clock_face(at)
    return minute in open_minutes(policy.schedules[name], dict(policy.calendar), day)


def member(person: PersonAccess, group: str) -> bool:
    """Everybody is in `everyone`, nobody in a group without a name."""
    return group in ({"everyone"} | set(person.groups)) - {""}


def within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    """[start, end), None without a limit."""
    now = microseconds(at)
    return (start is None or microseconds(start) <= now) and (end is None or now < microseconds(end))


def wait_s(count: int, attack_detection: bool) -> int:
    """30 s after the 5th (10th) failure, doubled by each further one, an hour at most."""
    limit = 10 if attack_detection else 5
    wait = 0
    for failure in range(1, count + 1):
        if failure == limit:
            wait = 30
        elif failure > limit:
            wait = min(2 * wait, 3600)
    return wait


def passback(zone: PassbackZone, request: Request, state: DoorState) -> str:
    """`refuse`, `note` or nothing."""
    mine = [passage for passage in state.passages if passage.zone == zone.name]
    if request.door not in zone.entries or not mine or not mine[0].inside:
        return ""
    age = microseconds(request.at) - microseconds(mine[0].at)
    lasts_s = zone.reset_hours * 3600
    if zone.mode is PassbackMode.TIMED:
        lasts_s = min(lasts_s, zone.minutes * 60)
    if age >= lasts_s * SECOND or member(request.person, zone.exempt_group):
        return ""
    alone = zone.entries | zone.exits == {request.door}
    if not state.zones_reached and not alone:
        if zone.when_offline is WhenOffline.OFF:
            return ""
        if zone.when_offline is WhenOffline.SOFT:
            return "note"
    return "note" if zone.mode is PassbackMode.SOFT else "refuse"


def ways_of(rules: list[Rule], person: PersonAccess, face_counts: bool) -> set[frozenset[str]]:
    """Every set of factors that some rule takes, as words."""
    ways = {frozenset(str(factor) for factor in way) for rule in rules for way in rule.ways}
    if person.second_factor and frozenset({"face"}) in ways:
        ways = (ways - {frozenset({"face"})}) | {frozenset({"face", "pin"}), frozenset({"face", "card"})}
    return {way for way in ways if way and (face_counts or "face" not in way)}


def naive_answer(policy: Policy, request: Request, state: DoorState) -> Answer:
    """What the written rules say of a request."""
    person, at = request.person, request.at
    if state.fire_release:
        return Answer(None, frozenset(), person.longer_unlock, False)
    limit = 100 if state.attack_detection else 50
    face_counts = state.failures.count < limit

    refused_by_lockdown = [
        plan
        for plan in state.lockdowns
        if {"*", request.door} & plan.doors
        and not plan.drill
        and within(at, None, plan.ends_at)
        and not member(person, plan.bypass_group)
    ]
    wait = wait_s(state.failures.count, state.attack_detection) * SECOND
    last = state.failures.last_at
    waits = wait > 0 and (last is None or microseconds(at) - microseconds(last) < wait)
    zones = [passback(zone, request, state) for zone in policy.zones]
    named = [rule for rule in policy.rules if {"*", request.door} & rule.doors and member(person, rule.group)]
    counting = [
        rule
        for rule in named
        if within(at, rule.valid_from, rule.valid_until) and schedule_says(policy, rule.schedule, at)
    ]
    shown = {str(factor) for factor in request.shown} - (set() if face_counts else {"face"})
    ways = ways_of(counting, person, face_counts)
    has = {"face": person.has_face, "pin": person.has_pin, "card": person.has_card}
    owned = shown | {name for name in has if has[name]}
    possible = {way for way in ways if way <= owned} or ways

    pair = [rule for rule in policy.two_person if rule.door == request.door][:1]
    first = state.first_of_two
    alone = pair and (
        first is None
        or first.person_id == person.person_id
        or not 0 <= microseconds(at) - microseconds(first.at) <= pair[0].within_s * SECOND
        or not member(person, pair[0].group)
    )
    refusals = [
        (refused_by_lockdown, DenyReason.LOCKDOWN),
        (person.suspended, DenyReason.SUSPENDED),
        (person.valid_from and not within(at, person.valid_from, None), DenyReason.NOT_YET_VALID),
        (person.valid_until and not within(at, None, person.valid_until), DenyReason.EXPIRED),
        (waits, DenyReason.LOCKED_OUT),
        ("refuse" in zones, DenyReason.ANTI_PASSBACK),
        (not named, DenyReason.NO_RULE),
        (not counting, DenyReason.OUTSIDE_HOURS),
        (not ways and not face_counts, DenyReason.LOCKED_OUT),
        (not ways, DenyReason.NO_RULE),
        (not any(way <= shown for way in ways), asked_for(possible, shown)),
        (alone, DenyReason.NEEDS_SECOND_PERSON),
    ]
    place = next((number for number, (refuses, _) in enumerate(refusals) if refuses), len(refusals))
    return Answer(
        reason=refusals[place][1] if place < len(refusals) else None,
        enough=frozenset("+".join(sorted(way)) for way in possible) if place >= 10 else frozenset(),
        longer=place == len(refusals) and person.longer_unlock,
        noted="note" in zones and "refuse" not in zones and place > 5,
    )


def asked_for(possible: set[frozenset[str]], shown: set[str]) -> DenyReason | None:
    """The way with the fewest missing factors, of those the shortest, then the first in face, pin, card.

    Of its missing factors the face is asked for first, then the card, then the PIN.
    """
    if not possible:
        return None
    spelled = {way: "+".join(name for name in ("face", "pin", "card") if name in way) for way in possible}
    nearest = min(possible, key=lambda way: (len(way - shown), len(way), spelled[way]))
    missing = nearest - shown
    for name in ("face", "card", "pin"):
        if name in missing:
            return DenyReason(f"needs_{name}")
    return None

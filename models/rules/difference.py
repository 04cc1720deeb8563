"""`differences`: who gains and loses which door when, between a policy and the one that is to follow it.

The coming days are compared window by window, in minutes of the local clock. Whether people have the PIN or
card that a rule asks for is not asked: they may be given one at any time.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from itertools import pairwise

from models.domain import PersonId
from models.rules.decide import effective_ways
from models.rules.door_mode import covers
from models.rules.policy import ALWAYS, DAY_MINUTES, Policy, Rule, UnlockTime, Window
from models.rules.request import PersonAccess
from models.rules.schedule import DAY, MINUTE, row_of, to_utc
from models.rules.two_person import two_person_door


class Change(StrEnum):
    """What a new policy changes for some people at a door, or for a door itself."""

    GAINS = "gains"
    """They could not pass, and can."""

    LOSES = "loses"
    """They could pass, and cannot."""

    OTHERWISE = "otherwise"
    """They pass as before, but by other factors, or with or without a second person. Of a door: it stands
    unlocked as before, but with or without waiting for the first person."""

    UNLOCKED = "unlocked"
    """The door stands unlocked for everybody, where it was locked."""

    LOCKED = "locked"
    """The door is locked, where it stood unlocked."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a day: [start, end) in minutes of local time, 0 to 1440."""

    day: date
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AccessChange:
    """One change.

    Attributes:
        door: its name.
        change: what becomes different.
        people: whose access, in the order in which they were given; empty for the door itself.
        spans: when, in order.
    """

    door: str
    change: Change
    people: tuple[PersonId, ...]
    spans: tuple[Span, ...]


State = object
"""What holds for some people at a door, or for a door, in a minute; a false value is: nobody passes."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """What the access of a person depends on; people of one profile have the same changes."""

    groups: frozenset[str]
    valid_from: datetime | None
    valid_until: datetime | None
    second_factor: bool


def differences(
    before: Policy,
    after: Policy,
    *,
    people: Iterable[PersonAccess],
    doors: Iterable[str],
    first_day: date,
    zone: tzinfo,
    days: int = 14,
) -> list[AccessChange]:
    """Return what changes in the coming days, door by door; first for the door itself, then for people.

    Args:
        before, after: the two policies.
        people: whose access is compared; who is suspended has none in both.
        doors: names of the site's doors.
        first_day: of those that are compared.
        zone: the site's.
        days: how many are compared.
    """
    profiles: dict[_Profile, list[PersonId]] = defaultdict(list)
    for person in people:
        if not person.suspended:
            profile = _Profile(person.groups, person.valid_from, person.valid_until, person.second_factor)
            profiles[profile].append(person.person_id)
    calendar = [first_day + number * DAY for number in range(days)]
    same_days = before.calendar == after.calendar
    found = []
    for door in doors:
        old, new = _UnlockView(before, door), _UnlockView(after, door)
        spans = _compare(old, new, calendar, (Change.UNLOCKED, Change.LOCKED))
        found += [AccessChange(door, change, (), each) for change, each in spans]
        for profile, ids in profiles.items():
            was, will_be = (_PersonView(policy, door, profile, zone) for policy in (before, after))
            if not same_days or was.depends_on() != will_be.depends_on():
                spans = _compare(was, will_be, calendar, (Change.GAINS, Change.LOSES))
                found += [AccessChange(door, change, tuple(ids), each) for change, each in spans]
    return found


_Limited = _Profile | Rule


class _UnlockView:
    """When a door stands unlocked by its schedules."""

    def __init__(self, policy: Policy, door: str) -> None:
        self.policy = policy
        self.times = [each for each in policy.unlock_times if each.door == door]

    def edges(self, day: date) -> set[int]:
        """Minutes of a day at which the state may change."""
        return _window_edges(self.policy, day, [each.schedule for each in self.times])

    def state(self, day: date, minute: int) -> State:
        """`now`, `first person`, or nothing."""
        unlocked: list[UnlockTime] = [
            each for each in self.times if _open(self.policy, each.schedule, day, minute)
        ]
        if not unlocked:
            return None
        return "first person" if all(each.first_person for each in unlocked) else "now"


class _PersonView:
    """When people of a profile may pass a door, and how."""

    def __init__(self, policy: Policy, door: str, profile: _Profile, zone: tzinfo) -> None:
        self.policy, self.profile, self.zone = policy, profile, zone
        person = PersonAccess(PersonId(""), groups=profile.groups)
        self.rules = [each for each in policy.rules if covers(each.doors, door) and person.is_in(each.group)]
        pair = two_person_door(policy, door)
        self.pair = None if pair is None else (pair.group, pair.within_s)
        self.limits: list[_Limited] = [profile, *self.rules]

    def depends_on(self) -> object:
        """What the state follows from, but for the days that are holidays: to skip what did not change."""
        schedules = [self.policy.schedules.get(each.schedule) for each in self.rules]
        return self.rules, self.pair, schedules

    def edges(self, day: date) -> set[int]:
        """Minutes of a day at which the state may change."""
        found = _window_edges(self.policy, day, [each.schedule for each in self.rules])
        for each in self.limits:
            for limit in (each.valid_from, each.valid_until):
                face = _clock_face(limit, self.zone)
                if face is not None and face.date() == day:
                    # Rounded up to the whole minute: the first at whose begin the limit is past.
                    found.add(-((datetime.combine(day, time()) - face) // MINUTE))
        return found

    def state(self, day: date, minute: int) -> State:
        """The ways that are enough, and the two-person rule; nothing when no way is."""
        face = datetime.combine(day, time()) + minute * MINUTE
        if not _within(face, self.profile, self.zone):
            return None
        counting = [
            each
            for each in self.rules
            if _within(face, each, self.zone) and _open(self.policy, each.schedule, day, minute)
        ]
        ways = effective_ways(counting, self.profile.second_factor)
        return (ways, self.pair) if ways else None


def _compare(
    old: _UnlockView | _PersonView,
    new: _UnlockView | _PersonView,
    days: list[date],
    names: tuple[Change, Change],
) -> list[tuple[Change, tuple[Span, ...]]]:
    """When two views differ, by the sort of change; `names` are those to something and to nothing."""
    spans: dict[Change, list[Span]] = defaultdict(list)
    for day in days:
        for start, end in pairwise(sorted({0, DAY_MINUTES} | old.edges(day) | new.edges(day))):
            was, will_be = old.state(day, start), new.state(day, start)
            if was != will_be:
                change = Change.OTHERWISE if was and will_be else names[0] if will_be else names[1]
                _append(spans[change], Span(day, start, end))
    return [(change, tuple(spans[change])) for change in Change if spans[change]]


def _append(spans: list[Span], span: Span) -> None:
    """Add a span, as one with the last where they touch."""
    if spans and (spans[-1].day, spans[-1].end) == (span.day, span.start):
        span = Span(span.day, spans.pop().start, span.end)
    spans.append(span)


def _window_edges(policy: Policy, day: date, schedules: Iterable[str]) -> set[int]:
    return {edge for name in schedules for each in _row(policy, name, day) for edge in (each.start, each.end)}


def _open(policy: Policy, name: str, day: date, minute: int) -> bool:
    return any(each.start <= minute < each.end for each in _row(policy, name, day))


def _row(policy: Policy, name: str, day: date) -> tuple[Window, ...]:
    if name == ALWAYS:
        return (Window(0, DAY_MINUTES),)
    schedule = policy.schedules.get(name)
    return () if schedule is None else row_of(schedule, policy.calendar, day)


def _within(face: datetime, limited: _Limited, zone: tzinfo) -> bool:
    start, end = _clock_face(limited.valid_from, zone), _clock_face(limited.valid_until, zone)
    return (start is None or start <= face) and (end is None or face < end)


def _clock_face(at: datetime | None, zone: tzinfo) -> datetime | None:
    """What the zone's clock shows, without the zone."""
    return None if at is None else to_utc(at).astimezone(zone).replace(tzinfo=None)

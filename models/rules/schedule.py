"""`row_of`, `is_open`, `next_change`: what a schedule says of a day or a moment.

A moment is looked up, never computed forward: UTC to local time, the day's row, the minute in the row. So an
hour that the clocks repeat in autumn is open twice, and one that they skip in spring never comes.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo

from models.rules.policy import ALWAYS, DAY_MINUTES, Policy, Schedule, Window, Windows

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SEARCH_DAYS = 14
"""How far `next_change` looks ahead: a schedule repeats weekly, but for holidays."""


def to_utc(at: datetime) -> datetime:
    """Return the same moment in UTC.

    Python compares and subtracts two times of one zone by their clock faces, which is wrong in the night in
    which the clocks change: whatever is compared goes through this first.

    Raises:
        ValueError: `at` has no zone.
    """
    if at.utcoffset() is None:
        raise ValueError("a time of a request needs its zone")
    return at.astimezone(UTC)


def local_time(at: datetime) -> datetime:
    """Return the same moment as a clock face that the zone of `at` really shows, never a skipped one.

    Raises:
        ValueError: `at` has no zone.
    """
    return to_utc(at).astimezone(at.tzinfo)


def minute_of_day(local: datetime) -> int:
    """Return the minutes since midnight of a clock face, 0 to 1439."""
    return local.hour * 60 + local.minute


def window_text(window: Window) -> str:
    """Return a window as a text such as `07:00-19:00`; the end of the day is `24:00`."""
    return f"{_clock_text(window.start)}-{_clock_text(window.end)}"


def row_of(schedule: Schedule, calendar: Mapping[date, str], day: date) -> Windows:
    """Return the windows of a day: those of its kind of holiday, or of its weekday. No row: closed."""
    kind = calendar.get(day)
    return schedule.week[day.weekday()] if kind is None else schedule.holidays.get(kind, ())


def is_open(schedule: Schedule, calendar: Mapping[date, str], at: datetime) -> bool:
    """Return whether the schedule is open at a moment.

    Args:
        schedule: which.
        calendar: the kind of holiday of each date that is one.
        at: the moment, with the zone whose clock counts.

    Raises:
        ValueError: `at` has no zone.
    """
    local = local_time(at)
    minute = minute_of_day(local)
    return any(each.start <= minute < each.end for each in row_of(schedule, calendar, local.date()))


def is_open_by_name(policy: Policy, name: str, at: datetime) -> bool:
    """Return whether a schedule of the policy is open; `always` is, one that is not there never."""
    if name == ALWAYS:
        return True
    schedule = policy.schedules.get(name)
    return schedule is not None and is_open(schedule, policy.calendar, at)


def next_change(schedule: Schedule, calendar: Mapping[date, str], at: datetime) -> datetime | None:
    """Return the first moment after `at` from which the schedule is open where it was closed, or closed.

    Args:
        schedule: which.
        calendar: the kind of holiday of each date that is one.
        at: the moment, with the zone whose clock counts.

    Returns:
        The moment in that zone; None when nothing changes within 14 days.

    Raises:
        ValueError: `at` has no zone.
    """
    now_open = is_open(schedule, calendar, at)
    first = local_time(at).date()
    for days in range(SEARCH_DAYS + 1):
        day = first + days * DAY
        for moment in _edges(schedule, calendar, day, at.tzinfo):
            if moment > to_utc(at) and is_open(schedule, calendar, moment.astimezone(at.tzinfo)) != now_open:
                return moment.astimezone(at.tzinfo)
    return None


def _edges(
    schedule: Schedule, calendar: Mapping[date, str], day: date, zone: tzinfo | None
) -> list[datetime]:
    """The moments of a day, in UTC and in order, at which the schedule could change.

    They are where a window begins or ends, midnight, and where the zone's offset changes.
    """
    minutes = {0, *(edge for each in row_of(schedule, calendar, day) for edge in (each.start, each.end))}
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    moments = set()
    for minute in minutes - {DAY_MINUTES}:
        for fold in (0, 1):
            face = midnight.replace(hour=minute // 60, minute=minute % 60, fold=fold)
            moments.add(face.astimezone(UTC))
    start, end = (midnight.astimezone(UTC), (midnight + DAY).astimezone(UTC))
    if start.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
        moments.add(_offset_change(start, end, zone))
    return sorted(moments)


def _offset_change(start: datetime, end: datetime, zone: tzinfo | None) -> datetime:
    """The first whole minute after `start` with the offset that the zone has at `end`; both in UTC."""
    old = start.astimezone(zone).utcoffset()
    while end - start > MINUTE:
        middle = start + (end - start) // 2 // MINUTE * MINUTE
        if middle.astimezone(zone).utcoffset() == old:
            start = middle
        else:
            end = middle
    return end


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"

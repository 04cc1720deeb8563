"""A schedule says at every minute what a table made with the C library's clock says."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import as_file, files
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.policy import ALWAYS, Policy, Schedule, Window
from models.rules.schedule import is_open, is_open_by_name, local_time, next_change, row_of
from tests.models.rules.strategies import ROWS

BEGIN = datetime(2011, 1, 1, tzinfo=UTC)
"""In the two years from here Samoa skipped a day and Russia stopped to change its clocks."""
DAYS = 731
STRIDE = 61
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Moscow",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
)
BERLIN = ZoneInfo("Europe/Berlin")


def busy_schedule(seed: int) -> tuple[Schedule, dict[date, str]]:
    """A schedule whose days all differ, and holidays of three kinds, one of them without a row."""
    rng = Random(seed)
    rows = [
        (Window(60, 150), Window(165, 180), Window(420 + 7 * day, 1140)) if day % 2 else rng.choice(ROWS)
        for day in range(7)
    ]
    calendar = {
        date(2011, 1, 1) + timedelta(days=rng.randrange(DAYS)): rng.choice(["a", "b", "none"])
        for _ in range(60)
    }
    return Schedule("s", tuple(rows), {"a": (Window(120, 180),), "b": (Window(0, 1440),)}), calendar


@pytest.fixture
def _own_clock() -> Iterator[None]:
    """The process has its zone back afterwards."""
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


def local_minutes(name: str) -> npt.NDArray[np.int64]:
    """The local clock at every minute of the two years, as minutes since 1970-01-01 00:00 of that clock.

    The offset is asked of the C library every quarter of an hour, at which alone zones change it.
    """
    with as_file(files("tzdata").joinpath("zoneinfo", *name.split("/"))) as path:
        os.environ["TZ"] = f":{path}"
        time.tzset()
        start = int(BEGIN.timestamp())
        quarters = range(start, start + DAYS * 86400, 900)
        offsets = [time.localtime(each).tm_gmtoff // 60 for each in quarters]
    minutes = np.arange(DAYS * 1440) + start // 60
    return minutes + np.repeat(np.array(offsets), 15)


def open_table(
    schedule: Schedule, calendar: dict[date, str], local: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether the schedule is open at each local minute, by a table of all minutes of all days."""
    first, last = int(local.min() // 1440), int(local.max() // 1440)
    table = np.zeros((last - first + 1, 1440), dtype=bool)
    for number in range(first, last + 1):
        day = date(1970, 1, 1) + timedelta(days=number)
        kind = calendar.get(day)
        row = schedule.week[(number + 3) % 7] if kind is None else schedule.holidays.get(kind, ())
        for window in row:
            table[number - first, window.start : window.end] = True
    return table.reshape(-1)[local - first * 1440]


def places_to_look(local: npt.NDArray[np.int64], opened: npt.NDArray[np.bool_]) -> list[int]:
    """Every minute of the days around a change of the clocks, both sides of each edge, every 61st minute."""
    clocks = np.flatnonzero(np.diff(local) != 1)
    edges = np.flatnonzero(np.diff(opened))
    near = [np.arange(max(0, each - 1440), min(len(local), each + 1440)) for each in clocks]
    every = np.arange(0, len(local), STRIDE)
    return [int(each) for each in np.unique(np.concatenate([*near, edges, edges + 1, every]))]


@pytest.mark.slow
@pytest.mark.usefixtures("_own_clock")
@pytest.mark.parametrize("name", ZONES)
def test_two_years_are_those_of_a_table_by_the_c_library(name: str) -> None:
    schedule, calendar = busy_schedule(ZONES.index(name))
    local = local_minutes(name)
    opened = open_table(schedule, calendar, local)
    zone, minute = ZoneInfo(name), timedelta(minutes=1)
    places = places_to_look(local, opened)
    wrong = [
        each
        for each in places
        if is_open(schedule, calendar, (BEGIN + each * minute).astimezone(zone)) != opened[each]
    ]
    assert wrong == []
    assert len(places) > 17_000

    edges = np.flatnonzero(np.diff(opened)) + 1
    for each in Random(name).sample(range(int(edges[-1])), 300):
        expected = BEGIN + int(edges[np.searchsorted(edges, each, side="right")]) * minute
        assert expected < BEGIN + (each + 14 * 1440) * minute
        assert next_change(schedule, calendar, (BEGIN + each * minute).astimezone(zone)) == expected


def test_the_repeated_hour_is_open_twice_and_the_skipped_hour_never_comes() -> None:
    schedule = Schedule("s", ((Window(120, 180),),) * 7)

    def open_minutes(day: datetime) -> int:
        moments = (day + each * timedelta(minutes=1) for each in range(1440))
        return sum(is_open(schedule, {}, each.astimezone(BERLIN)) for each in moments)

    assert open_minutes(datetime(2026, 3, 28, 22, tzinfo=UTC)) == 0
    assert open_minutes(datetime(2026, 10, 24, 22, tzinfo=UTC)) == 120
    assert open_minutes(datetime(2026, 10, 25, 23, tzinfo=UTC)) == 60
    assert local_time(datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)).hour != 2


def test_a_day_that_a_zone_skipped_has_no_minute() -> None:
    apia = ZoneInfo("Pacific/Apia")
    seen = {
        local_time((BEGIN + hours * timedelta(hours=1)).astimezone(apia)).date()
        for hours in range(362 * 24, 366 * 24)
    }
    assert date(2011, 12, 29) in seen
    assert date(2011, 12, 30) not in seen


def test_a_holiday_takes_the_place_of_the_weekday_and_one_without_a_row_is_closed() -> None:
    schedule = Schedule("s", ((Window(0, 1440),),) * 7, {"short": (Window(540, 720),)})
    friday = datetime(2026, 12, 25, 9, tzinfo=BERLIN)
    assert row_of(schedule, {}, friday.date()) == (Window(0, 1440),)
    assert row_of(schedule, {friday.date(): "short"}, friday.date()) == (Window(540, 720),)
    assert row_of(schedule, {friday.date(): "public"}, friday.date()) == ()
    assert is_open(schedule, {}, friday)
    assert is_open(schedule, {friday.date(): "short"}, friday)
    assert not is_open(schedule, {friday.date(): "short"}, friday.replace(hour=12))
    assert not is_open(schedule, {friday.date(): "public"}, friday)


def test_always_is_open_on_holidays_too_and_a_schedule_that_is_not_there_never() -> None:
    policy = Policy(calendar={date(2026, 12, 25): "public"})
    friday = datetime(2026, 12, 25, 9, tzinfo=BERLIN)
    assert is_open_by_name(policy, ALWAYS, friday)
    assert not is_open_by_name(policy, "offfice", friday)


def test_what_never_changes_has_no_next_change() -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=BERLIN)
    assert next_change(Schedule("s", ((),) * 7), {}, at) is None
    assert next_change(Schedule("s", ((Window(0, 1440),),) * 7), {}, at) is None


minutes_of_day = st.integers(0, 1439)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1439), st.integers(1, 1440), minutes_of_day, st.integers(0, 59))
def test_a_window_has_its_first_minute_and_not_its_end(
    start: int, end: int, minute: int, second: int
) -> None:
    if start >= end:
        start, end = end - 1, start + 1
    schedule = Schedule("s", ((Window(start, end),),) * 7)
    at = datetime(2026, 6, 1, minute // 60, minute % 60, second, 999_999, tzinfo=BERLIN)
    assert is_open(schedule, {}, at) == (minute in range(start, end))


@pytest.mark.parametrize("call", [local_time, lambda at: is_open(Schedule("s", ((),) * 7), {}, at)])
def test_a_time_without_a_zone_is_an_error(call: object) -> None:
    with pytest.raises(ValueError, match="zone"):
        call(datetime(2026, 6, 1))  # type: ignore[operator]  # noqa: DTZ001

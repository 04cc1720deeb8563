"""Dates and times on the command line: with the zone that is meant, or refused."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from models.cli.dates import parse_time
from models.errors import InputError


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-02", datetime(2026, 11, 2, 5, 0, tzinfo=UTC)),
        ("2026-07-02", datetime(2026, 7, 2, 4, 0, tzinfo=UTC)),  # in summer time
        ("2026-11-02T08:30", datetime(2026, 11, 2, 13, 30, tzinfo=UTC)),
        ("2026-11-02 08:30", datetime(2026, 11, 2, 13, 30, tzinfo=UTC)),
        ("2026-11-02T08:30+01:00", datetime(2026, 11, 2, 7, 30, tzinfo=UTC)),
        ("2026-11-02T08:30Z", datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_meant_in_the_machines(new_york: None, text: str, utc: datetime) -> None:
    assert parse_time(text, None) == utc


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "02.11.2026", "0001-01-01"])
def test_what_is_no_date_is_refused_with_an_example(new_york: None, text: str) -> None:
    with pytest.raises(InputError, match=r"is no date: write it as 2026-11-01"):
        parse_time(text, None)

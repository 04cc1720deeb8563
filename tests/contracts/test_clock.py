"""What every clock keeps to."""

from datetime import UTC, timedelta

import pytest

from models.clock import SimulatedClock, SystemClock
from models.ports import Clock


@pytest.fixture(params=[SystemClock, SimulatedClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    return request.param()


def test_the_time_of_day_is_utc(clock: Clock) -> None:
    assert isinstance(clock, Clock)
    assert clock.now().tzinfo is UTC


def test_monotonic_time_never_goes_back(clock: Clock) -> None:
    readings = []
    for pause_s in (0.0, 0.01, 0.0, 0.02, 0.0):
        clock.sleep(pause_s)
        readings.append(clock.monotonic_s())
    assert readings == sorted(readings)


def test_sleeping_moves_monotonic_time_and_time_of_day_by_at_least_that(clock: Clock) -> None:
    start_s, start = clock.monotonic_s(), clock.now()
    clock.sleep(0.05)
    assert clock.monotonic_s() - start_s >= 0.05 - 1e-9
    assert clock.now() - start >= timedelta(seconds=0.045)


@pytest.mark.parametrize("seconds", [0.0, -1.0, -1e9])
def test_sleeping_for_nothing_returns_at_once(clock: Clock, seconds: float) -> None:
    start_s = clock.monotonic_s()
    clock.sleep(seconds)
    assert 0 <= clock.monotonic_s() - start_s < 0.5

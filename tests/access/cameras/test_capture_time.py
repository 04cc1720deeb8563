"""When a network camera's pictures were taken: against streams whose true times are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.cameras.capture_time import CaptureTimes

STALE_S = 0.5
FRAME_S = 0.05
EARLIEST_S = 0.1
"""The delay of a picture that nothing holds up; it cannot be seen from here."""

delays = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=40)


def arrivals(taken_s: list[float], extra_s: list[float]) -> list[float]:
    """When pictures arrive that are held up by so much, in the order in which they were taken."""
    arrived: list[float] = []
    for taken, extra in zip(taken_s, extra_s, strict=True):
        arrived.append(max(taken + EARLIEST_S + extra, arrived[-1] if arrived else 0.0))
    return arrived


def times_of(
    taken_s: list[float], arrived_s: list[float], *, ahead_s: float = 0.0, rate: float = 1.0
) -> list[float | None]:
    """What a reader finds who is always ready, for stamps of a clock that is `ahead_s` and runs at `rate`."""
    times, asked_s, found = CaptureTimes(STALE_S), 0.0, []
    for taken, arrived in zip(taken_s, arrived_s, strict=True):
        found.append(times.captured_at_s(taken * rate + ahead_s, asked_s, arrived))
        asked_s = arrived
    return found


@given(late=delays, ahead_s=st.floats(-1e6, 1e6))
def test_a_late_picture_is_left_out_and_a_fresh_one_has_the_time_when_it_was_taken(
    late: list[float], ahead_s: float
) -> None:
    extra = [0.0] * 10 + late + [0.0] * 60
    taken = [1000.0 + number * FRAME_S for number in range(len(extra))]
    arrived = arrivals(taken, extra)
    found = times_of(taken, arrived, ahead_s=ahead_s)
    kept = [time for time in found if time is not None]
    assert kept == sorted(kept)
    for time, took, came in list(zip(found, taken, arrived, strict=True))[2:]:
        delay_s = came - took - EARLIEST_S
        if time is None:
            assert delay_s > STALE_S - 0.01
        else:
            assert delay_s < STALE_S + 0.01
            assert took + EARLIEST_S - 1e-6 <= time <= took + EARLIEST_S + 0.01
    assert found[-1] is not None, "the stream is fresh again"


def test_what_a_camera_had_in_store_is_left_out_at_the_start() -> None:
    taken = [1000.0 + number * FRAME_S for number in range(60)]
    opened_s = 1002.005
    found = times_of(taken, [max(took + EARLIEST_S, opened_s) for took in taken])
    fresh = [number for number, took in enumerate(taken) if took + EARLIEST_S > opened_s]
    assert [number for number, time in enumerate(found) if time is not None] == fresh


@pytest.mark.parametrize("rate", [1 - 1e-4, 1 + 1e-4])
def test_a_camera_whose_clock_is_off_by_a_tenth_of_a_thousandth_is_fresh_for_a_day(rate: float) -> None:
    taken = [float(second) for second in range(86400)]
    found = times_of(taken, [took + EARLIEST_S for took in taken], rate=rate)
    assert all(time is not None for time in found[2:])


def test_a_camera_whose_stamps_run_at_half_speed_is_late() -> None:
    taken = [1000.0 + number * FRAME_S for number in range(200)]
    found = times_of(taken, [took + EARLIEST_S for took in taken], rate=0.5)
    assert set(found[30:]) == {None}


@given(held_s=st.floats(STALE_S + 0.1, 5.0), decode_s=st.floats(0.0, 0.02))
def test_without_stamps_what_was_held_up_is_left_out(held_s: float, decode_s: float) -> None:
    """A stall of `held_s`; then a burst, as fast as it can be decoded, until the stream is live again."""
    times, asked_s, found = CaptureTimes(STALE_S), 0.0, []
    taken = [1000.0 + number * FRAME_S for number in range(300)]
    stall_s = 1001.0
    for took in taken:
        there_s = max(took, stall_s + held_s) if took > stall_s else took
        arrived_s = max(there_s, asked_s) + decode_s
        found.append((took, arrived_s, times.captured_at_s(None, asked_s, arrived_s)))
        asked_s = arrived_s
    for took, arrived_s, time in found:
        assert time is None or (time == arrived_s and time - took < FRAME_S + decode_s + 1e-6)
    assert found[-1][2] is not None
    assert sum(time is None for took, _, time in found if took < stall_s) == 0


def test_without_stamps_a_slow_camera_is_not_taken_for_one_that_stalls() -> None:
    times = CaptureTimes(STALE_S)
    found = [times.captured_at_s(None, float(second), second + 1.0) for second in range(20)]
    assert None not in found

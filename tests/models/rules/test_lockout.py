"""Delays after failed attempts are those of the standard's table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.lockout import delay_s, face_disabled, still_waits
from models.rules.request import Failures

TABLE = [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_delay_begins_at_the_fifth_failure_and_doubles_up_to_an_hour() -> None:
    assert [delay_s(failures) for failures in range(14)] == TABLE
    assert [delay_s(failures, attack_detection=True) for failures in range(5, 19)] == TABLE
    assert delay_s(10**9) == 3600


@given(st.integers(0, 1000), st.booleans())
def test_more_failures_never_shorten_the_delay(failures: int, attack_detection: bool) -> None:
    assert delay_s(failures, attack_detection) <= delay_s(failures + 1, attack_detection)
    assert face_disabled(failures, attack_detection) <= face_disabled(failures + 1, attack_detection)


def test_fifty_failures_disable_the_face_and_a_hundred_with_attack_detection() -> None:
    assert [face_disabled(failures) for failures in (0, 49, 50)] == [False, False, True]
    assert [face_disabled(failures, attack_detection=True) for failures in (50, 99, 100)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("count", "waited_s", "waits"),
    [
        (4, 0.0, False),
        (5, 29.999, True),
        (5, 30.0, False),
        (6, 30.0, True),
        (5, -10.0, True),
        (5, None, True),
    ],
)
def test_who_waited_long_enough_may_try_again(count: int, waited_s: float | None, waits: bool) -> None:
    assert still_waits(Failures(count), waited_s) is waits
    assert not still_waits(Failures(0), None)

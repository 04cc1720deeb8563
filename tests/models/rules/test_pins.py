"""A PIN is long enough for the site, and not one of those that are guessed first."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import PinError
from models.rules.pins import check_pin, shortest_pin

UP, DOWN = "0123456789" * 2, "9876543210" * 2


@pytest.mark.parametrize(("people", "digits"), [(0, 4), (10, 4), (11, 5), (100, 5), (1000, 6), (100_000, 8)])
def test_a_pin_that_alone_identifies_is_longer_the_more_people_there_are(people: int, digits: int) -> None:
    assert shortest_pin(people, identifies=True) == digits
    assert shortest_pin(people, identifies=False) == 4


def test_too_many_people_for_eight_digits_need_something_beside_the_pin() -> None:
    with pytest.raises(PinError, match="card or the face"):
        check_pin("24680135", people=100_001, identifies=True)
    check_pin("2468", people=100_001)


@given(st.text("0123456789", max_size=10))
def test_what_is_refused_is_too_short_too_long_repeated_or_running(pin: str) -> None:
    fit = 4 <= len(pin) <= 8 and not re.fullmatch(r"(\d)\1*", pin) and pin not in UP and pin not in DOWN
    if fit:
        check_pin(pin)
    else:
        with pytest.raises(PinError, match="choose another"):
            check_pin(pin)


@pytest.mark.parametrize("pin", ["", "12a4", "12 4", "٠٧٣٥", "²³¹¹", "-123", "1.24"])
def test_only_the_ten_digits_count(pin: str) -> None:
    with pytest.raises(PinError, match="0 to 9"):
        check_pin(pin)


def test_the_message_never_shows_the_pin() -> None:
    for pin in ("1111", "4321", "123", "123456789", "ab12"):
        with pytest.raises(PinError) as caught:
            check_pin(pin)
        assert pin not in str(caught.value)

"""Canonical JSON: one form per value, and every value comes back, floats to a millionth."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.audit.canonical import MILLIONTHS, canonical, parse_canonical, rounded

keys = st.text().filter(lambda key: key != MILLIONTHS)
exact = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None))
numbers = st.floats()
values = st.recursive(
    exact | numbers,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(keys, each, max_size=4),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    """The value with its floats to a millionth."""
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, list):
        return [expected(each) for each in value]
    return {key: expected(each) for key, each in value.items()} if isinstance(value, dict) else value


@settings(deadline=None)
@given(values)
def test_what_was_written_comes_back(value: Any) -> None:
    assert repr(parse_canonical(canonical(value))) == repr(sort(expected(value)))


def sort(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sort(value[key]) for key in sorted(value)}
    return [sort(each) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.dictionaries(keys, exact, max_size=5))
def test_the_order_in_which_keys_were_set_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_float_is_off_by_half_a_millionth_at_most(value: float) -> None:
    assert abs(rounded(value) - value) <= 0.5000001e-6
    assert rounded(rounded(value)) == rounded(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é"]}, b'{"a":[true,null,"\\u00e9"],"b":1}'),
        (0.5, b'{"e-6":500000}'),
        (-0.0, b'{"e-6":0}'),
        (math.inf, b'{"e-6":"inf"}'),
        (1e300, b'{"e-6":%d}' % (int(1e300) * 10**6)),
    ],
)
def test_the_form_is_the_one_that_is_documented(value: Any, text: bytes) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        "1.5",
        '"é"',
        '{"e-6":1,"x":2}',
        '{"e-6":"big"}',
        "[1,]",
        '{"a":1,"a":1}',
        "-0",
        '{"e-6":true}',
    ],
)
def test_what_has_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_canonical(text)


@pytest.mark.parametrize(
    ("value", "error"), [({MILLIONTHS: 1}, ValueError), ({1: 2}, TypeError), ({1, 2}, TypeError)]
)
def test_values_without_a_form_are_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        canonical(value)


@settings(deadline=None)
@given(st.text())
def test_it_is_json_that_others_read(text: str) -> None:
    assert json.loads(canonical({"a": text})) == {"a": text}

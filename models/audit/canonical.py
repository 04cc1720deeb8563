"""`canonical`, `parse_canonical`: JSON of which every value has exactly one form in bytes.

Keys are sorted by code point, there are no blanks, and everything outside ASCII is escaped. Numbers are
integers: a float becomes `{"e-6": n}`, n its millionths, rounded; one that is not finite has its name there.
"""

import json
import math
from fractions import Fraction
from typing import Any

MILLIONTHS = "e-6"
PER_ONE = 1_000_000
EXACT = 2**53
"""Floats below it have a fractional part or are integers exactly; above it the product is not exact."""
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def canonical(value: object) -> bytes:
    """Return the bytes of a value made of None, True, False, integers, floats, text, lists and dicts.

    Raises:
        TypeError: it holds anything else, or a key that is no text.
        ValueError: a dict has the key `e-6`, which stands for a float.
    """
    plain = _without_floats(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse_canonical(content: bytes | str) -> Any:
    """Return the value that `canonical` made this of, floats to a millionth.

    Raises:
        ValueError: `canonical` did not make this.
    """
    try:
        text = content if isinstance(content, str) else content.decode("ascii")
        value = _with_floats(json.loads(text))
        if canonical(value) == text.encode("ascii"):
            return value
    except (AttributeError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError("this is not canonical JSON") from error
    raise ValueError("this is not canonical JSON")


def rounded(value: float) -> float:
    """The number that comes back for a float: to a millionth."""
    return value if not math.isfinite(value) else _millionths(value) / PER_ONE


def _without_floats(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {MILLIONTHS: _millionths(value) if math.isfinite(value) else str(float(value))}
    if isinstance(value, list | tuple):
        return [_without_floats(each) for each in value]
    if isinstance(value, dict):
        if MILLIONTHS in value:
            raise ValueError(f"the key {MILLIONTHS} stands for a float")
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key of canonical JSON is text")
        return {key: _without_floats(each) for key, each in value.items()}
    raise TypeError(f"canonical JSON has no {type(value).__name__}")


def _with_floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_floats(each) for each in value]
    if not isinstance(value, dict):
        return value
    if MILLIONTHS not in value:
        return {key: _with_floats(each) for key, each in value.items()}
    number = value[MILLIONTHS]
    if len(value) != 1 or not isinstance(number, int | str) or isinstance(number, bool):
        raise ValueError(f"{MILLIONTHS} stands for a float alone")
    return NOT_FINITE[number] if isinstance(number, str) else number / PER_ONE


def _millionths(value: float) -> int:
    scaled = value * PER_ONE
    return round(scaled) if abs(scaled) < EXACT else round(Fraction(value) * PER_ONE)

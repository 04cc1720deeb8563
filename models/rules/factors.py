"""`Factor`: what a person shows to prove who they are; `Way`: factors that suffice together."""

from enum import StrEnum

from models.errors import InputError


class Factor(StrEnum):
    """What a person shows."""

    FACE = "face"
    PIN = "pin"
    CARD = "card"


Way = frozenset[Factor]
"""Factors that are enough together, such as face and PIN; never empty."""


def parse_way(text: str) -> Way:
    """Return the way that a text such as `face`, `card` or `face+pin` names.

    Raises:
        InputError: an unknown factor, or one that is named twice.
    """
    names = text.split("+")
    try:
        way = frozenset(map(Factor, names))
    except ValueError:
        way = frozenset()
    if len(way) != len(names):
        raise InputError(
            f"{text!r} names no factors: write {', '.join(Factor)}, or several joined by +, such as face+pin"
        )
    return way


def way_text(way: Way) -> str:
    """Return the text that `parse_way` reads, the factors in the order face, pin, card."""
    return "+".join(factor for factor in Factor if factor in way)

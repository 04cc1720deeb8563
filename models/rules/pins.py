"""`check_pin`: whether digits may be somebody's PIN; `shortest_pin`: how many digits a site needs.

A PIN that alone says who somebody is must be hard to hit by chance: a thousand combinations for each person
who has one (IEC 60839-11-1).
"""

from itertools import pairwise

from models.errors import PinError

SHORTEST_PIN = 4
LONGEST_PIN = 8
COMBINATIONS_PER_PERSON = 1000


def shortest_pin(people: int, identifies: bool) -> int:
    """Return the least number of digits of a PIN, 4 to 8.

    Args:
        people: how many have a PIN, the new one included.
        identifies: True where some rule lets in by the PIN alone.

    Raises:
        PinError: so many people that eight digits are not enough.
    """
    if not identifies:
        return SHORTEST_PIN
    for digits in range(SHORTEST_PIN, LONGEST_PIN + 1):
        if 10**digits >= COMBINATIONS_PER_PERSON * people:
            return digits
    raise PinError(
        f"a PIN of {LONGEST_PIN} digits alone cannot tell {people} people apart safely: ask for a card or "
        "the face beside it, in every rule whose factors are only the PIN"
    )


def check_pin(pin: str, people: int = 1, identifies: bool = False) -> None:
    """Accept digits as a PIN, or say what is wrong with them.

    Args:
        pin: what was typed.
        people: how many have a PIN, this one included.
        identifies: True where some rule lets in by the PIN alone.

    Raises:
        PinError: not only digits, too short or too long, one digit repeated, or digits that count up or down.
    """
    if not (pin.isascii() and pin.isdigit()):
        raise PinError("a PIN has only the digits 0 to 9: choose another")
    least = shortest_pin(people, identifies)
    if not least <= len(pin) <= LONGEST_PIN:
        raise PinError(f"a PIN has {least} to {LONGEST_PIN} digits here, not {len(pin)}: choose another")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if steps == {0}:
        raise PinError("a PIN that repeats one digit is guessed first: choose another")
    if steps in ({1}, {9}):
        raise PinError("a PIN whose digits count up or down is guessed first: choose another")

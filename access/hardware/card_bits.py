"""`card_number`, `card_bits`: the bits that a card reader sends as the number that people have, and back.

A reader sends a card as a row of bits. The number's text begins with the count of these bits; so it has no
leading zeros, which the register drops, and different cards never have the same text. What follows, always
with all its zeros:

| bits | format | then | even parity over bits | odd parity over bits |
| --- | --- | --- | --- | --- |
| 26 | H10301 of HID | facility code (8 bits) in 3 digits, number (16 bits) in 5 | 1 to 12 | 13 to 24 |
| 34 | H10306 | facility code (16 bits) in 5 digits, number (16 bits) in 5 | 1 to 16 | 17 to 32 |
| 37 | H10304 | facility code (16 bits) in 5 digits, number (19 bits) in 6 | 1 to 18 | 18 to 35 |
| 10 to 37 | any other, or a parity that does not fit | the value of all bits in 12 digits | | |
| 38 to 512 | a serial number | the bits in hexadecimal digits, in capitals | | |

Bits are counted from 0; the even parity bit is bit 0, the odd one the last, facility code and number between
them. The facility code belongs to the text because two sites may have cards with the same number.
"""

import re
from dataclasses import dataclass

from models.errors import InputError

MIN_BITS, MAX_DECIMAL_BITS, MAX_BITS = 10, 37, 512
RAW_DIGITS = 12
PRINTED_DIGITS = 6
"""A text with so few digits is the number that is printed on a card, without count and facility code."""


@dataclass(frozen=True, slots=True)
class CardFormat:
    """A format of cards with facility code, number and parity.

    Attributes:
        bits: of the whole card.
        facility_bits, number_bits: of the two parts, in this order behind the first parity bit.
        even, odd: first and last bit that each parity bit covers.
        facility_digits, number_digits: of the two parts of the text.
    """

    bits: int
    facility_bits: int
    number_bits: int
    even: tuple[int, int]
    odd: tuple[int, int]
    facility_digits: int
    number_digits: int


FORMATS = {
    26: CardFormat(26, 8, 16, (1, 12), (13, 24), 3, 5),
    34: CardFormat(34, 16, 16, (1, 16), (17, 32), 5, 5),
    37: CardFormat(37, 16, 19, (1, 18), (18, 35), 5, 6),
}


def card_number(data: bytes, bits: int) -> str:
    """Return the text of a card.

    Args:
        data: the bits, the first one in the highest bit of the first byte.
        bits: how many of them belong to the card, 10 to 512.

    Raises:
        InputError: too few or too many bits, or fewer bytes than `bits` needs.
    """
    if not MIN_BITS <= bits <= MAX_BITS or len(data) * 8 < bits:
        raise InputError(f"{bits} bits in {len(data)} bytes are no card: show it again")
    value = int.from_bytes(data) >> (len(data) * 8 - bits)
    if bits > MAX_DECIMAL_BITS:
        return f"{bits}{value:0{_hex_digits(bits)}X}"
    form = FORMATS.get(bits)
    inner = value >> 1 & (1 << bits - 2) - 1
    if form is None or value != _with_parity(inner, form):
        return f"{bits}{value:0{RAW_DIGITS}d}"
    facility, number = inner >> form.number_bits, inner & (1 << form.number_bits) - 1
    return f"{bits}{facility:0{form.facility_digits}d}{number:0{form.number_digits}d}"


def card_bits(text: str, *, bits: int, facility_code: int) -> tuple[bytes, int]:
    """Return the bits of a card number, and how many they are: the reverse of `card_number`.

    Args:
        text: as `card_number` returns it; or the number that is printed on a card, of at most 6 digits,
            which then has the format `bits` and the given facility code.
        bits: 26, 34 or 37.
        facility_code: of the site's cards.

    Raises:
        InputError: it is no card number, or too large for the format.
    """
    if not re.fullmatch(r"[0-9]{1,3}[0-9A-F]*", text):
        raise InputError(f"{text!r} is no card number that can be sent to a panel: see `doorward card list`")
    if len(text) <= PRINTED_DIGITS and text.isdigit():
        return _build(facility_code, int(text), FORMATS[bits], text)
    for count_digits in (2, 3):
        count, rest = int(text[:count_digits]), text[count_digits:]
        form = FORMATS.get(count)
        if form is not None and len(rest) == form.facility_digits + form.number_digits and rest.isdigit():
            facility, number = int(rest[: form.facility_digits]), int(rest[form.facility_digits :])
            return _build(facility, number, form, text)
        decimal = MIN_BITS <= count <= MAX_DECIMAL_BITS and len(rest) == RAW_DIGITS and rest.isdigit()
        long = MAX_DECIMAL_BITS < count <= MAX_BITS and len(rest) == _hex_digits(count)
        value = int(rest, 10 if decimal else 16) if decimal or long else None
        if value is not None and not value >> count:
            return _bytes(value, count), count
    raise InputError(
        f"the card number {text} has neither a count of bits that fits nor at most {PRINTED_DIGITS} digits: "
        "see `doorward card list`"
    )


def _hex_digits(bits: int) -> int:
    return -(-bits // 4)


def _build(facility: int, number: int, form: CardFormat, text: str) -> tuple[bytes, int]:
    if facility >> form.facility_bits or number >> form.number_bits:
        raise InputError(
            f"the card number {text} with the facility code {facility} does not fit into {form.bits} bits: "
            "check the person's card and panel.facility_code"
        )
    return _bytes(_with_parity(facility << form.number_bits | number, form), form.bits), form.bits


def _with_parity(inner: int, form: CardFormat) -> int:
    """The bits of the whole card: `inner` between its two parity bits."""
    value = inner << 1
    even = _ones(value, form.even, form.bits) % 2
    odd = 1 - _ones(value, form.odd, form.bits) % 2
    return even << form.bits - 1 | value | odd


def _ones(value: int, span: tuple[int, int], bits: int) -> int:
    first, last = span
    return (value >> bits - 1 - last & (1 << last - first + 1) - 1).bit_count()


def _bytes(value: int, bits: int) -> bytes:
    count = -(-bits // 8)
    return (value << count * 8 - bits).to_bytes(count)

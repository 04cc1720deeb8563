"""`card_number`, `card_bits`: the bits that a card reader sends as the number that people have, and back.

A reader sends a card as a row of bits (Wiegand formats): a parity bit, a facility code, a number, a parity
bit. Of these formats the text is the facility code followed by the number, each with all its zeros:

| bits | format of HID | facility code | number | digits of the text | even parity over bits | odd over bits |
| --- | --- | --- | --- | --- | --- | --- |
| 26 | H10301 | 8 bits, 0 to 255 | 16 bits, 0 to 65535 | 3 + 5 | 1 to 12 | 13 to 24 |
| 34 | H10306 | 16 bits, 0 to 65535 | 16 bits, 0 to 65535 | 5 + 5 | 1 to 16 | 17 to 32 |
| 37 | H10304 | 16 bits, 0 to 65535 | 19 bits, 0 to 524287 | 5 + 6 | 1 to 18 | 18 to 35 |

Bits are counted from 0; the even parity bit is bit 0, the odd one is the last. The facility code belongs to
the text because two sites may have cards with the same number. The text of a card of another length up to 37
bits, or whose parity does not fit, is the count of bits (2 digits) and the value of all bits (11 digits). The
text of a longer card is its bits in hexadecimal digits. So different cards never have the same text.
"""

from dataclasses import dataclass

from models.errors import InputError

MAX_DECIMAL_BITS = 37
RAW_DIGITS = 11


@dataclass(frozen=True, slots=True)
class CardFormat:
    """A Wiegand format.

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

    @property
    def digits(self) -> int:
        """Digits of the text."""
        return self.facility_digits + self.number_digits


FORMATS = {
    26: CardFormat(26, 8, 16, (1, 12), (13, 24), 3, 5),
    34: CardFormat(34, 16, 16, (1, 16), (17, 32), 5, 5),
    37: CardFormat(37, 16, 19, (1, 18), (18, 35), 5, 6),
}


def card_number(data: bytes, bits: int) -> str:
    """Return the text of a card.

    Args:
        data: the bits, the first one in the highest bit of the first byte.
        bits: how many of them belong to the card.

    Raises:
        InputError: there are no bits, or fewer bytes than `bits` needs.
    """
    if bits <= 0 or len(data) * 8 < bits:
        raise InputError(f"a card of {bits} bits cannot be read from {len(data)} bytes: show it again")
    value = int.from_bytes(data) >> (len(data) * 8 - bits)
    if bits > MAX_DECIMAL_BITS:
        return f"{value:0{-(-bits // 4)}x}"
    form = FORMATS.get(bits)
    if form is None or value != _with_parity(value >> 1 & (1 << bits - 2) - 1, form):
        return f"{bits:02d}{value:0{RAW_DIGITS}d}"
    inner = value >> 1 & (1 << bits - 2) - 1
    facility, number = inner >> form.number_bits, inner & (1 << form.number_bits) - 1
    return f"{facility:0{form.facility_digits}d}{number:0{form.number_digits}d}"


def card_bits(text: str, *, bits: int, facility_code: int) -> tuple[bytes, int]:
    """Return the bits of a card number, and how many they are: the reverse of `card_number`.

    Args:
        text: as `card_number` returns it; or the number that is printed on a card, which then has the format
            `bits` and the given facility code.
        bits: 26, 34 or 37.
        facility_code: of the site's cards.

    Raises:
        InputError: it is no card number, or too large for the format.
    """
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"a card number to be sent to a panel consists of digits, and {text!r} does not")
    if len(text) == RAW_DIGITS + 2:
        bits, value = int(text[:2]), int(text[2:])
        if not 0 < bits <= MAX_DECIMAL_BITS or value >> bits:
            raise InputError(f"{text} is no card number: its first two digits say how many bits follow")
        return _bytes(value, bits), bits
    for form in FORMATS.values():
        if len(text) == form.digits:
            facility, number = int(text[: form.facility_digits]), int(text[form.facility_digits :])
            return _build(facility, number, form, text)
    form = FORMATS[bits]
    if len(text) > form.number_digits:
        raise InputError(
            f"the card number {text} does not fit a card of {bits} bits: check the person's card"
        )
    return _build(facility_code, int(text), form, text)


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

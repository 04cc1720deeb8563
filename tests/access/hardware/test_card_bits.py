"""The bits of a card and its number, against a reader made of strings as the formats are published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.hardware.card_bits import card_bits, card_number
from models.errors import InputError
from models.register.cards import clean_number

PUBLISHED = {
    # bits: facility code, number, bits under even parity, bits under odd parity, as slices of the row.
    26: (slice(1, 9), slice(9, 25), slice(0, 13), slice(13, 26)),
    34: (slice(1, 17), slice(17, 33), slice(0, 17), slice(17, 34)),
    37: (slice(1, 17), slice(17, 36), slice(0, 19), slice(18, 37)),
}


def packed(row: str) -> bytes:
    """The row of bits as a reader sends it, filled up with zeros."""
    return bytes(int(row[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(row), 8))


@st.composite
def cards(draw: st.DrawFn) -> tuple[int, int, int]:
    bits = draw(st.sampled_from(sorted(PUBLISHED)))
    facility, number, _, _ = PUBLISHED[bits]
    limits = [2 ** (part.stop - part.start) - 1 for part in (facility, number)]
    return bits, draw(st.integers(0, limits[0])), draw(st.integers(0, limits[1]))


@given(cards())
def test_a_card_is_built_as_published_and_read_back(card: tuple[int, int, int]) -> None:
    bits, facility, number = card
    data, count = card_bits(str(number), bits=bits, facility_code=facility)
    row = "".join(f"{byte:08b}" for byte in data)[:count]
    facility_part, number_part, even, odd = PUBLISHED[bits]
    assert count == bits
    assert packed(row) == data
    assert (int(row[facility_part], 2), int(row[number_part], 2)) == (facility, number)
    assert row[even].count("1") % 2 == 0
    assert row[odd].count("1") % 2 == 1
    text = card_number(data, count)
    digits = {26: (3, 5), 34: (5, 5), 37: (5, 6)}[bits]
    assert text == str(bits) + str(facility).zfill(digits[0]) + str(number).zfill(digits[1])
    assert card_bits(text, bits=26, facility_code=0) == (data, count)


rows = st.integers(10, 130).flatmap(lambda bits: st.text("01", min_size=bits, max_size=bits))


@given(rows, rows)
def test_different_cards_have_different_numbers(one: str, other: str) -> None:
    numbers = {clean_number(card_number(packed(row), len(row))) for row in (one, other)}  # in the register
    assert len(numbers) == len({one, other})


@given(rows)
def test_every_number_that_is_read_can_be_sent_again(row: str) -> None:
    text = clean_number(card_number(packed(row), len(row)))
    assert card_bits(text, bits=26, facility_code=0) == (packed(row), len(row))


def test_a_card_with_a_wrong_parity_is_no_card_of_the_format() -> None:
    data, _ = card_bits("54321", bits=26, facility_code=101)
    assert card_number(data, 26) == "2610154321"
    flipped = bytes([data[0] ^ 0x80]) + data[1:]
    assert card_number(flipped, 26) == f"26{int.from_bytes(flipped) >> 6:012d}"


def test_a_long_card_is_hexadecimal() -> None:
    assert card_number(bytes.fromhex("04a1b2c3d4e580"), 56) == "5604A1B2C3D4E580"
    assert card_number(bytes.fromhex("ffffffffff"), 38) == "383FFFFFFFFF"


@pytest.mark.parametrize(
    ("data", "bits"),
    [(b"", 0), (b"", 26), (b"\x01\x02", 17), (b"\x01", -1), (b"\x01\x02", 9), (bytes(65), 520)],
)
def test_a_card_without_its_bits_is_refused(data: bytes, bits: int) -> None:
    with pytest.raises(InputError):
        card_number(data, bits)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1a",
        "½",
        "-5",
        "123456",
        "65536",
        "99999999",
        "3800000000000",
        "26" + "9" * 12,
        "26" + "9" * 8,
        "G" * 9,
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        card_bits(text, bits=26, facility_code=0)


def test_a_facility_code_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="facility code 256"):
        card_bits("1", bits=26, facility_code=256)

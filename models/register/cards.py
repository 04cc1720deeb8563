"""`clean_number`, `insert_card`, `owner_of`: cards, whose numbers are encrypted and found by a keyed hash."""

import hashlib
import re
import uuid
from collections.abc import Callable

from sqlalchemy import select

from models.domain import PersonId
from models.errors import CredentialTakenError, InputError
from models.register.access_records import Card
from models.register.access_schema import CardRow
from models.register.macs import RowValues
from models.register.people import one_person
from models.register.session import RegisterSession, table_of

LOOKUP_BYTES = 32
MAX_DIGITS = 64


def clean_number(number: str) -> str:
    """Return a card's number in one form: without blanks, colons and hyphens, in capitals, no leading zeros.

    Args:
        number: decimal or hexadecimal digits, as a reader gives them or as they are printed on the card.

    Raises:
        InputError: other characters, no digit but zeros, or more than 64.
    """
    clean = re.sub(r"[\s:-]", "", number).upper().lstrip("0")
    if not re.fullmatch(rf"[0-9A-F]{{1,{MAX_DIGITS}}}", clean):
        raise InputError(
            f"{number[:80]!r} is no card number: write its decimal or hexadecimal digits, "
            f"such as 4711 or 04:A2:2B:91, at most {MAX_DIGITS}"
        )
    return clean


def card_lookup(key: bytes, number: str) -> bytes:
    """Return the 32 bytes that a card is found by, under the key of credentials. Raises InputError."""
    return hashlib.blake2b(
        b"card" + clean_number(number).encode(), digest_size=LOOKUP_BYTES, key=key
    ).digest()


def insert_card(session: RegisterSession, key: bytes, person_id: PersonId, number: str) -> Card:
    """Store a card of a person.

    Raises:
        CredentialTakenError: it is somebody's already.
        InputError: it is no number.
    """
    lookup = card_lookup(key, number)
    taken = session.scalar(select(CardRow).where(CardRow.lookup == lookup))
    if taken is not None:
        owner = one_person(session, PersonId(taken.person_id))
        raise CredentialTakenError(f"this card is {owner.name}'s: remove it there first, or take another")
    row = CardRow(card_id=uuid.uuid4().hex, person_id=person_id, lookup=lookup)
    clean = clean_number(number)
    place = _card_place({"card_id": row.card_id, "person_id": person_id})
    row.number = session.keys.current.cipher.encrypt(clean.encode(), place)
    session.add(row)
    session.flush()
    return Card(row.card_id, person_id, clean)


def find_card(session: RegisterSession, key: bytes | None, number: str) -> Card | None:
    """Return the card of a number; None when it is nobody's. Raises InputError: it is no number."""
    clean = clean_number(number)
    if key is None:
        return None
    row = session.scalar(select(CardRow).where(CardRow.lookup == card_lookup(key, clean)))
    return None if row is None else Card(row.card_id, PersonId(row.person_id), clean)


def cards_of(session: RegisterSession, person_id: PersonId | None = None) -> list[Card]:
    """Return the cards of a person, or of everybody, ordered by number."""
    query = select(CardRow)
    if person_id is not None:
        query = query.where(CardRow.person_id == person_id)
    cards = [
        Card(row.card_id, PersonId(row.person_id), _open_number(session, row))
        for row in session.scalars(query)
    ]
    return sorted(cards, key=lambda card: (len(card.number), card.number))


def delete_card(session: RegisterSession, card: Card) -> None:
    """Delete a card."""
    session.delete_rows(CardRow, CardRow.card_id == card.card_id)


def _open_number(session: RegisterSession, row: CardRow) -> str:
    cipher = session.keys.cipher_of(table_of(CardRow), row.mac)
    place = _card_place({"card_id": row.card_id, "person_id": row.person_id})
    return cipher.decrypt(row.number, place).decode()


def _card_place(row: RowValues) -> str:
    return f"cards|number|{row['card_id']}|{row['person_id']}"


ENCRYPTED: dict[str, tuple[str, Callable[[RowValues], str]]] = {"cards": ("number", _card_place)}
"""By table: the encrypted column, and what its value is bound to."""

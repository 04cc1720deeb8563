"""`pin_lookup`, `insert_pin`, `match_of`, `owner_of`: PINs, of which only a slow keyed hash is kept.

The hash is Argon2id (RFC 9106) of the PIN, then BLAKE2b (RFC 7693) of that, both under the key of
credentials. It has no salt of the person's: so one computation finds whose PIN it is among all people, and
equal PINs are noticed. Who has the database without the key learns nothing. Who has both can try all 10,000
PINs of four digits in minutes, which no hash prevents.
"""

import hashlib
import hmac

from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import func, select

from models.domain import PersonId
from models.errors import CredentialTakenError, InputError
from models.register.access_records import PinKind, PinMatch
from models.register.access_schema import PinRow
from models.register.faults import damaged_rows
from models.register.session import RegisterSession
from models.rules.factors import Factor
from models.rules.pins import LONGEST_PIN, check_pin, shortest_pin
from models.rules.policy import Policy

# About 50 ms on one core of a 2026 server (`python -m timeit` of `pin_lookup`); 19 MiB and two passes.
TIME_COST = 2
MEMORY_KIB = 19_456
LANES = 1
LOOKUP_BYTES = 32
SALT_BYTES = 16
NO_KEY = bytes(32)
"""Takes the key's place while there is no PIN at all, so that a wrong one takes as long as ever."""


def is_pin(text: str) -> bool:
    """Return whether a text can be anybody's PIN: 1 to 8 digits."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_PIN


def pin_lookup(key: bytes | None, pin: str) -> bytes:
    """Return the 32 bytes that a PIN is found by; takes as long for every text.

    Args:
        key: of credentials; None while there is none.
        pin: what was entered.
    """
    key = NO_KEY if key is None else key
    salt = hashlib.blake2b(b"salt of PINs", digest_size=SALT_BYTES, key=key).digest()
    secret = pin.encode()[: LONGEST_PIN + 1]
    raw = hash_secret_raw(secret, salt, TIME_COST, MEMORY_KIB, LANES, LOOKUP_BYTES, Type.ID)
    return hashlib.blake2b(b"PIN" + raw, digest_size=LOOKUP_BYTES, key=key).digest()


def check_new_pin(session: RegisterSession, person_id: PersonId, pin: str, policy: Policy) -> None:
    """Raise PinError for what cannot be the person's PIN: no digits, too short here, or too easy to guess."""
    owners = count_owners(session) + (not kinds_of(session, person_id))
    check_pin(pin, owners, pin_identifies(policy))


def check_long_enough(session: RegisterSession, policy: Policy) -> None:
    """Refuse rules under which a PIN alone identifies while there are PINs that are too short for that.

    Raises:
        InputError: there are.
    """
    if not pin_identifies(policy):
        return
    least = shortest_pin(count_owners(session), identifies=True)
    query = select(func.count(PinRow.person_id.distinct())).where(PinRow.digits < least)
    short = session.scalar(query) or 0
    if short:
        raise InputError(
            f"under these rules a PIN alone opens a door, and then it needs {least} digits: {short} people "
            "have a shorter one. Give them new ones with `doorward pin set`, or ask for another factor beside"
        )


def pin_identifies(policy: Policy) -> bool:
    """Return whether some rule lets people in by the PIN alone."""
    return any(frozenset({Factor.PIN}) in rule.ways for rule in policy.rules)


def insert_pin(
    session: RegisterSession, person_id: PersonId, kind: PinKind, digits: int, lookup: bytes
) -> None:
    """Store a PIN in the place of the person's earlier one of that kind.

    Raises:
        CredentialTakenError: it is a PIN already, of this person or another.
        InputError: a PIN for duress without a normal one.
    """
    taken = session.scalar(select(PinRow).where(PinRow.lookup == lookup))
    if taken is not None and (taken.person_id, taken.kind) != (person_id, kind):
        if taken.person_id == person_id:
            raise CredentialTakenError("the PIN for duress must differ from the normal PIN: choose another")
        raise CredentialTakenError("this PIN cannot be used: choose another")
    if kind is PinKind.DURESS and PinKind.NORMAL not in kinds_of(session, person_id):
        raise InputError("a PIN for duress needs a normal PIN beside it: run `doorward pin set` first")
    row = session.scalar(select(PinRow).where(PinRow.person_id == person_id, PinRow.kind == kind))
    if row is None:
        session.add(PinRow(person_id=person_id, kind=kind, digits=digits, lookup=lookup))
    else:
        row.digits, row.lookup = digits, lookup
    session.flush()


def delete_pins(session: RegisterSession, person_id: PersonId, kind: PinKind | None = None) -> None:
    """Delete the person's PIN of a kind, or both."""
    condition = PinRow.person_id == person_id
    session.delete_rows(PinRow, condition if kind is None else condition & (PinRow.kind == kind))


def kinds_of(session: RegisterSession, person_id: PersonId) -> tuple[PinKind, ...]:
    """Return which PINs a person has, the normal one first."""
    found = {row.kind for row in session.scalars(select(PinRow).where(PinRow.person_id == person_id))}
    return tuple(kind for kind in PinKind if kind in found)


def match_of(session: RegisterSession, person_id: PersonId, pin: str, lookup: bytes) -> PinMatch:
    """Return what a PIN is to a person."""
    found = PinMatch.NONE
    for row in session.scalars(select(PinRow).where(PinRow.person_id == person_id)):
        if hmac.compare_digest(row.lookup, lookup) and is_pin(pin):
            found = _match(row)
    return found


def owner_of(session: RegisterSession, pin: str, lookup: bytes) -> tuple[PersonId, PinMatch] | None:
    """Return whose PIN it is, and which; None when it is nobody's."""
    row = session.scalar(select(PinRow).where(PinRow.lookup == lookup))
    return None if row is None or not is_pin(pin) else (PersonId(row.person_id), _match(row))


def count_owners(session: RegisterSession) -> int:
    """Return how many people have a PIN."""
    return session.scalar(select(func.count(PinRow.person_id.distinct()))) or 0


def _match(row: PinRow) -> PinMatch:
    with damaged_rows():
        return PinMatch(PinKind(row.kind))

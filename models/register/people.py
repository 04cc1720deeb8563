"""`insert_person`, `find_person`, `insert_consent`, `erase_person`: people and their consents."""

import unicodedata
import uuid
from collections.abc import Set
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.domain import PersonId
from models.errors import ConsentError, DuplicatePersonError, InputError, UnknownPersonError
from models.register.records import Consent, Person, PersonStatus, Purpose
from models.register.schema import ConsentRow, CropRow, EventRow, PersonRow, TemplateRow

MAX_NAME_LENGTH = 200


def clean_name(name: str) -> str:
    """Normalise a name for storage: composed (NFC), with single blanks.

    Raises:
        InputError: empty, too long, or with characters that do not print.
    """
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not clean or len(clean) > MAX_NAME_LENGTH or not clean.isprintable():
        raise InputError(
            f"a name has 1 to {MAX_NAME_LENGTH} printable characters: {name[:50]!r} is not a name"
        )
    return clean


def name_key(name: str) -> str:
    """Return the form of a name to compare by: NFKC, without case."""
    return unicodedata.normalize("NFKC", clean_name(name)).casefold()


def all_people(session: Session) -> list[Person]:
    """Return all people, ordered by name."""
    return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.name_key))]


def person_row(session: Session, person_id: PersonId) -> PersonRow:
    """Return the row of a person. Raises UnknownPersonError."""
    row = session.get(PersonRow, person_id)
    if row is None:
        raise UnknownPersonError(f"nobody in the register has the id {person_id}")
    return row


def one_person(session: Session, person_id: PersonId) -> Person:
    """Return a person by id. Raises UnknownPersonError."""
    return _person(person_row(session, person_id))


def find_person(session: Session, name: str) -> Person | None:
    """Find a person by name, without regard to case; None when there is none."""
    row = session.scalar(select(PersonRow).where(PersonRow.name_key == name_key(name)))
    return None if row is None else _person(row)


def insert_person(session: Session, name: str, at: datetime) -> Person:
    """Add a new, active person.

    Raises:
        DuplicatePersonError: the name is taken.
        InputError: the name is empty, too long or not printable.
    """
    taken = find_person(session, name)
    if taken is not None:
        raise DuplicatePersonError(
            f"{taken.name} is enrolled already ({taken.status}): choose another name or erase that person"
        )
    row = PersonRow(
        person_id=uuid.uuid4().hex,
        name=clean_name(name),
        name_key=name_key(name),
        status=PersonStatus.ACTIVE,
        created_at=at,
    )
    session.add(row)
    session.flush()
    return _person(row)


def insert_consent(
    session: Session, person_id: PersonId, text: str, purposes: Set[Purpose], at: datetime
) -> None:
    """Add a consent of a person; the newest one counts.

    Raises:
        ConsentError: there is no text, or recognition is not among the purposes.
    """
    if not text.strip():
        raise ConsentError("consent needs its text: the text that the person agreed to")
    if Purpose.RECOGNITION not in purposes:
        raise ConsentError("consent must cover recognition: without it nobody can be enrolled")
    row = ConsentRow(person_id=person_id, text=text.strip(), purposes=sorted(map(str, purposes)), given_at=at)
    session.add(row)


def consent_of(session: Session, person_id: PersonId) -> Consent:
    """Return a person's newest consent. Raises UnknownPersonError, ConsentError."""
    person_row(session, person_id)
    row = session.scalar(
        select(ConsentRow).where(ConsentRow.person_id == person_id).order_by(ConsentRow.id.desc()).limit(1)
    )
    if row is None:
        raise ConsentError(f"no consent is recorded of {person_id}: record it or erase the person")
    return Consent(person_id, row.text, frozenset(map(Purpose, row.purposes)), row.given_at)


def erase_person(session: Session, person_id: PersonId) -> None:
    """Delete all data of a person; their events keep a random id. Raises UnknownPersonError."""
    person_row(session, person_id)
    random_id = uuid.uuid4().hex
    for column in (EventRow.person_id, EventRow.runner_up_id):
        session.execute(update(EventRow).where(column == person_id).values({column: random_id}))
    for table in (TemplateRow, CropRow, ConsentRow, PersonRow):
        session.execute(delete(table).where(table.person_id == person_id))


def _person(row: PersonRow) -> Person:
    return Person(PersonId(row.person_id), row.name, PersonStatus(row.status), row.created_at)

"""`insert_person`, `find_person`, `insert_consent`, `erase_person`: people and their consents."""

import difflib
import unicodedata
import uuid
from collections.abc import Set
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from models.domain import PersonId
from models.errors import ConsentError, DuplicatePersonError, InputError, UnknownPersonError
from models.register import changes
from models.register.access_schema import OF_PERSON
from models.register.faults import damaged_rows
from models.register.records import Consent, Person, PersonOverview, PersonStatus, Purpose
from models.register.schema import ConsentRow, CropRow, PersonRow, TemplateRow
from models.register.session import RegisterSession, table_of

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


def all_people(session: RegisterSession) -> list[Person]:
    """Return all people, ordered by name."""
    session.check_complete(table_of(PersonRow))
    return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.name_key))]


def count_active(session: RegisterSession) -> int:
    """Return how many people may be recognised."""
    query = select(func.count()).select_from(PersonRow).where(PersonRow.status == PersonStatus.ACTIVE)
    return session.scalar(query) or 0


def overview(session: RegisterSession) -> list[PersonOverview]:
    """Everyone, by name, with the number of stored crops and the newest consent; one query for all."""
    session.check_complete(table_of(PersonRow), table_of(CropRow), table_of(ConsentRow))
    photos = (
        select(func.count()).select_from(CropRow).where(CropRow.person_id == PersonRow.person_id)
    ).scalar_subquery()
    any_consent = aliased(ConsentRow)
    newest = (
        select(func.max(any_consent.id)).where(any_consent.person_id == PersonRow.person_id)
    ).scalar_subquery()
    query = (
        select(PersonRow, photos, ConsentRow)
        .outerjoin(ConsentRow, ConsentRow.id == newest)
        .order_by(PersonRow.name_key)
    )
    return [
        PersonOverview(_person(row), count, None if consent is None else _consent(consent))
        for row, count, consent in session.execute(query)
    ]


def person_row(session: RegisterSession, person_id: PersonId) -> PersonRow:
    """Return the row of a person. Raises UnknownPersonError."""
    row = session.get(PersonRow, person_id)
    if row is None:
        raise UnknownPersonError(f"nobody in the register has the id {person_id}")
    return row


def one_person(session: RegisterSession, person_id: PersonId) -> Person:
    """Return a person by id. Raises UnknownPersonError."""
    return _person(person_row(session, person_id))


def find_person(session: RegisterSession, name: str) -> Person | None:
    """Find a person by name, without regard to case; None when there is none."""
    row = session.scalar(select(PersonRow).where(PersonRow.name_key == name_key(name)))
    return None if row is None else _person(row)


def person_named(session: RegisterSession, name: str) -> Person:
    """A person by name, without regard to case.

    Raises:
        UnknownPersonError: nobody has that name; the message names up to three people of similar names.
        InputError: it is no name.
    """
    person = find_person(session, name)
    if person is not None:
        return person
    names = dict(list(session.execute(select(PersonRow.name_key, PersonRow.name))))
    nearest = [names[key] for key in difflib.get_close_matches(name_key(name), names)]
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ": see doorward people"
    raise UnknownPersonError(f"nobody is enrolled as {clean_name(name)}{hint}")


def insert_person(session: RegisterSession, name: str, at: datetime) -> Person:
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
    session: RegisterSession, person_id: PersonId, text: str, purposes: Set[Purpose], at: datetime
) -> None:
    """Record what a person agreed to; it replaces what was agreed before.

    Raises:
        ConsentError: there is no text, or recognition is not among the purposes.
    """
    if Purpose.RECOGNITION not in purposes:
        raise ConsentError("consent must cover recognition: without it nobody can be enrolled")
    _add_consent(session, person_id, text, purposes, at)


def insert_consent_without_face(
    session: RegisterSession, person_id: PersonId, text: str, at: datetime
) -> None:
    """Record what a person agreed to of whom no face is kept. Raises ConsentError: there is no text."""
    _add_consent(session, person_id, text, frozenset(), at)


def _add_consent(
    session: RegisterSession, person_id: PersonId, text: str, purposes: Set[Purpose], at: datetime
) -> None:
    if not text.strip():
        raise ConsentError("consent needs its text: the text that the person agreed to")
    row = ConsentRow(person_id=person_id, text=text.strip(), purposes=sorted(map(str, purposes)), given_at=at)
    session.add(row)


def consent_of(session: RegisterSession, person_id: PersonId) -> Consent:
    """A person's newest consent, which is the one in force. Raises UnknownPersonError, ConsentError."""
    recorded = consents_of(session, person_id)
    if not recorded:
        raise ConsentError(f"no consent is recorded of {person_id}: record it or erase the person")
    return recorded[-1]


def purposes_of(session: RegisterSession, person_id: PersonId) -> list[str] | None:
    """What a person's newest consent covers, sorted; None when none is on record."""
    recorded = consents_of(session, person_id)
    return sorted(map(str, recorded[-1].purposes)) if recorded else None


def consents_of(session: RegisterSession, person_id: PersonId) -> list[Consent]:
    """Every consent of a person, oldest first. Raises UnknownPersonError."""
    person_row(session, person_id)
    query = select(ConsentRow).where(ConsentRow.person_id == person_id).order_by(ConsentRow.id)
    return [_consent(row) for row in session.scalars(query)]


def erase_person(session: RegisterSession, person_id: PersonId) -> str:
    """Delete all data of a person. Raises UnknownPersonError.

    Their events are anonymised apart (`models.register.erasure`).

    Returns:
        The random id that their events and changes are to have from now on.
    """
    person_row(session, person_id)
    random_id = uuid.uuid4().hex
    for table in (TemplateRow, CropRow, ConsentRow, *OF_PERSON, PersonRow):
        session.delete_rows(table, table.person_id == person_id)
    changes.forget_person(session, person_id, random_id)
    return random_id


def _consent(row: ConsentRow) -> Consent:
    with damaged_rows():
        purposes = frozenset(map(Purpose, row.purposes))
    return Consent(PersonId(row.person_id), row.text, purposes, row.given_at)


def _person(row: PersonRow) -> Person:
    with damaged_rows():
        status = PersonStatus(row.status)
    return Person(PersonId(row.person_id), row.name, status, row.created_at)

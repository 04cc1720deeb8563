"""`insert_release`, `record_of`, `insert_attempt`: releases that the site made, and attempts of the gate."""

from sqlalchemy import select

from models.domain import PersonId
from models.errors import ReleaseError
from models.register.records import GateAttempt, ReleaseRecord
from models.register.schema import GateAttemptRow, PersonRow, ReleaseRow
from models.register.session import RegisterSession, table_of


def insert_release(session: RegisterSession, record: ReleaseRecord) -> None:
    """Store a release that was made here; who was erased in the meantime is not listed.

    Raises:
        ReleaseError: it is stored already.
    """
    if session.get(ReleaseRow, record.release_id) is not None:
        raise ReleaseError(f"release {record.release_id} is in the register already: train another one")
    known = set(session.scalars(select(PersonRow.person_id)))
    session.add(
        ReleaseRow(
            release_id=record.release_id,
            manifest_sha256=record.manifest_sha256,
            parent=record.parent,
            passed=record.passed,
            verdict=dict(record.verdict),
            override_reason=record.override_reason,
            trained_on=[person for person in record.trained_on if person in known],
            recorded_at=record.recorded_at,
        )
    )
    session.flush()


def record_of(session: RegisterSession, release_id: str) -> ReleaseRecord | None:
    """Return what is recorded of a release; None when it was not made here."""
    session.check_complete(table_of(ReleaseRow))
    row = session.get(ReleaseRow, release_id)
    return None if row is None else _record(row)


def all_records(session: RegisterSession) -> list[ReleaseRecord]:
    """Return all releases that were made here, oldest first."""
    session.check_complete(table_of(ReleaseRow))
    rows = session.scalars(select(ReleaseRow).order_by(ReleaseRow.recorded_at, ReleaseRow.release_id))
    return [_record(row) for row in rows]


def record_override(session: RegisterSession, release_id: str, reason: str) -> None:
    """Store why a release is used that the gate did not let through.

    Raises:
        ReleaseError: it was not made here, or there is no reason.
    """
    row = session.get(ReleaseRow, release_id)
    if row is None:
        raise ReleaseError(f"release {release_id} was not made here: see doorward releases list")
    if not reason.strip():
        raise ReleaseError("an override needs its reason: say why this release is to be used")
    row.override_reason = reason.strip()
    session.flush()


def forget_learner(session: RegisterSession, person_id: PersonId) -> None:
    """Remove a person from the lists of those whose pictures releases were trained on."""
    for row in session.scalars(select(ReleaseRow)):
        if person_id in row.trained_on:
            row.trained_on = [each for each in row.trained_on if each != person_id]
    session.flush()


def insert_attempt(session: RegisterSession, attempt: GateAttempt) -> None:
    """Store that the gate judged a challenger."""
    session.add(
        GateAttemptRow(
            champion=attempt.champion,
            challenger_sha256=attempt.challenger_sha256,
            passed=attempt.passed,
            details=dict(attempt.details),
            at=attempt.at,
        )
    )
    session.flush()


def count_attempts(session: RegisterSession, champion: str) -> int:
    """Return how many challengers were judged against a release."""
    return sum(row.champion == champion for row in session.all_rows(table_of(GateAttemptRow)))


def _record(row: ReleaseRow) -> ReleaseRecord:
    return ReleaseRecord(
        release_id=row.release_id,
        manifest_sha256=row.manifest_sha256,
        parent=row.parent,
        passed=row.passed,
        verdict=row.verdict,
        override_reason=row.override_reason,
        trained_on=tuple(map(PersonId, row.trained_on)),
        recorded_at=row.recorded_at,
    )

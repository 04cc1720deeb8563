"""`record_change`, `list_changes`: the change log: who changed what in the register, and when.

Values hold ids, states and counts: no name, no consent text, no picture and no vector.
"""

import os
import pwd
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from models.domain import PersonId
from models.errors import InputError
from models.register import chains
from models.register.faults import damaged_rows
from models.register.records import Change, ChangeAction, SubjectKind
from models.register.schema import ChangeRow
from models.register.sealing import Part
from models.register.session import RegisterSession, table_of

MAX_ACTOR_LENGTH = 100
CHANGE = "change"
"""The kind of a change's event in the chain `site`, and the name of what is sealed of it."""

SUBJECTS = {
    ChangeAction.PERSON_ADDED: SubjectKind.PERSON,
    ChangeAction.STATUS_CHANGED: SubjectKind.PERSON,
    ChangeAction.CONSENT_RECORDED: SubjectKind.PERSON,
    ChangeAction.PICTURES_ADDED: SubjectKind.PERSON,
    ChangeAction.PERSON_ERASED: SubjectKind.PERSON,
    ChangeAction.CALIBRATION_STORED: SubjectKind.RELEASE,
    ChangeAction.RELEASE_RECORDED: SubjectKind.RELEASE,
    ChangeAction.RELEASE_OVERRIDDEN: SubjectKind.RELEASE,
    ChangeAction.RELEASE_ACTIVATED: SubjectKind.RELEASE,
    ChangeAction.KEY_ROTATED: SubjectKind.KEY,
    ChangeAction.RULES_SET: SubjectKind.RULES,
    ChangeAction.GROUPS_CHANGED: SubjectKind.PERSON,
    ChangeAction.ACCESS_CHANGED: SubjectKind.PERSON,
    ChangeAction.PIN_SET: SubjectKind.PERSON,
    ChangeAction.PIN_REMOVED: SubjectKind.PERSON,
    ChangeAction.CARD_ADDED: SubjectKind.PERSON,
    ChangeAction.CARD_REMOVED: SubjectKind.PERSON,
    ChangeAction.FACE_REFUSED: SubjectKind.PERSON,
    ChangeAction.FACE_ALLOWED: SubjectKind.PERSON,
    ChangeAction.LOCKOUT_CLEARED: SubjectKind.PERSON,
    ChangeAction.PASSAGES_FORGIVEN: SubjectKind.PERSON,
    ChangeAction.EVERYBODY_FORGIVEN: SubjectKind.SITE,
    ChangeAction.LOCKDOWN_STARTED: SubjectKind.PLAN,
    ChangeAction.LOCKDOWN_ENDED: SubjectKind.PLAN,
    ChangeAction.FIRE_RELEASE_STARTED: SubjectKind.DOOR,
    ChangeAction.FIRE_RELEASE_ENDED: SubjectKind.DOOR,
}
"""What each action is done to."""


def shell_actor() -> str:
    """Return `shell:NAME` for the user of the operating system whose process this is."""
    user = os.getuid()
    try:
        return f"shell:{pwd.getpwuid(user).pw_name}"
    except KeyError:  # in a container a user may have a number and no name
        return f"shell:{user}"


def check_actor(actor: str) -> str:
    """Return the actor unchanged.

    Raises:
        InputError: empty, too long, or with characters that do not print.
    """
    if not actor.strip() or len(actor) > MAX_ACTOR_LENGTH or not actor.isprintable():
        raise InputError(
            f"who changes the register is named in 1 to {MAX_ACTOR_LENGTH} printable characters, such as "
            f"shell:maria, not {actor[:50]!r}"
        )
    return actor


def record_change(
    session: RegisterSession,
    actor: str,
    action: ChangeAction,
    subject_id: str,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Add one change, in the transaction that makes it.

    Args:
        session: of that transaction.
        actor: who makes it.
        action: what is done.
        subject_id: to whom or what.
        old, new: the values before and after; plain JSON values without names and texts; None where there
            are none.
    """
    row = ChangeRow(
        at=datetime.now(UTC),
        actor=actor,
        action=action,
        subject_kind=SUBJECTS[action],
        subject_id=subject_id,
        old=None if old is None else dict(old),
        new=None if new is None else dict(new),
    )
    session.add(row)
    session.flush()
    append_change(session, row)


def append_change(session: RegisterSession, row: ChangeRow) -> None:
    """Add a change to the chain `site`: what was done in public, to whom and by whom sealed."""
    values = {"action": row.action, "change_id": row.change_id, "subject_kind": row.subject_kind}
    person = row.subject_id if row.subject_kind == SubjectKind.PERSON else None
    content = {"actor": row.actor, "subject_id": row.subject_id, "old": row.old, "new": row.new}
    part = Part(CHANGE, person, content)
    chains.append(session, session.keys, chains.SITE, at=row.at, kind=CHANGE, values=values, parts=[part])


def list_changes(
    session: RegisterSession,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    person_id: PersonId | None = None,
    limit: int | None = None,
) -> list[Change]:
    """Return the newest `limit` matching changes of the time [since, until), oldest first."""
    session.check_complete(table_of(ChangeRow))
    query = select(ChangeRow).order_by(ChangeRow.change_id.desc()).limit(limit)
    if since is not None:
        query = query.where(ChangeRow.at >= since)
    if until is not None:
        query = query.where(ChangeRow.at < until)
    if person_id is not None:
        query = query.where(ChangeRow.subject_id == person_id)
    return [_change(row) for row in session.scalars(query)][::-1]


def forget_person(session: RegisterSession, person_id: PersonId, random_id: str) -> None:
    """Take a person out of the log: the changes stay, with a random id and without their values."""
    for row in session.scalars(select(ChangeRow).where(ChangeRow.subject_id == person_id)):
        row.subject_id, row.old, row.new = random_id, None, None


def _change(row: ChangeRow) -> Change:
    with damaged_rows():
        action, subject_kind = ChangeAction(row.action), SubjectKind(row.subject_kind)
    return Change(
        change_id=row.change_id,
        at=row.at,
        actor=row.actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=row.subject_id,
        old=row.old,
        new=row.new,
    )

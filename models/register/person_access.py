"""`load_access`, `set_groups`, `set_settings`, `refuse_refused_face`: groups, and what holds for a person."""

from collections import defaultdict
from collections.abc import Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from models.domain import PersonId
from models.errors import FaceRefusedError, InputError
from models.register import orders, policies
from models.register.access_records import AccessSnapshot, PersonSettings
from models.register.access_schema import (
    AccessRow,
    CardRow,
    FailureRow,
    FirstPersonRow,
    MembershipRow,
    PassageRow,
    PinRow,
)
from models.register.people import one_person
from models.register.records import PersonStatus
from models.register.schema import PersonRow
from models.register.session import RegisterSession, table_of
from models.rules.policy import EVERYONE
from models.rules.request import PersonAccess

NO_SETTINGS = PersonSettings()


def load_access(session: RegisterSession, at: datetime) -> AccessSnapshot:
    """Read all that the rules need to know; every table of it is checked for rows added, removed or put back.

    Raises:
        RegisterTamperedError: there are such rows, or a row was changed.
        RegisterError: the rules are of another version of Doorward.
    """
    for kind in (FailureRow, PassageRow, FirstPersonRow):
        session.all_rows(table_of(kind))
    policy, in_force = policies.newest_policy(session), orders.orders_in_force(session, at)
    return AccessSnapshot(
        revision=session.state().rules_revision,
        policy=policy,
        digest=policies.policy_digest(policy),
        people=_people(session),
        lockdowns=orders.lockdowns_of(in_force),
        fire_doors=orders.fire_doors_of(in_force),
    )


def groups_of(session: RegisterSession, person_id: PersonId) -> frozenset[str]:
    """Return the names of the groups that a person is in, `everyone` left out."""
    rows = session.scalars(select(MembershipRow).where(MembershipRow.person_id == person_id))
    return frozenset(row.group_name for row in rows)


def set_groups(session: RegisterSession, person_id: PersonId, groups: Set[str]) -> None:
    """Put a person into these groups, and out of all others.

    Raises:
        InputError: a group that the rules do not name.
    """
    known, before = policies.newest_policy(session).groups, groups_of(session, person_id)
    unknown = sorted(groups - known - before)
    if EVERYONE in groups:
        raise InputError(f"everybody is in the group {EVERYONE}: name another")
    if unknown:
        listed = ", ".join(sorted(known)) or "none so far: write it into the rules and import them"
        raise InputError(f"the rules have no group {unknown[0]}: there is {listed}")
    condition = (MembershipRow.person_id == person_id) & MembershipRow.group_name.in_(before - groups)
    session.delete_rows(MembershipRow, condition)
    for group in sorted(groups - before):
        session.add(MembershipRow(person_id=person_id, group_name=group))
    session.flush()


def settings_of(session: RegisterSession, person_id: PersonId) -> PersonSettings:
    """Return what a person's access has of its own."""
    row = session.get(AccessRow, person_id)
    return NO_SETTINGS if row is None else _settings(row)


def set_settings(session: RegisterSession, person_id: PersonId, settings: PersonSettings) -> None:
    """Store what a person's access has of its own.

    Raises:
        InputError: it would end before it begins.
    """
    begin, end = settings.valid_from, settings.valid_until
    if begin is not None and end is not None and end <= begin:
        raise InputError(f"the access would end at {end} and not begin before {begin}: exchange them")
    row = session.get(AccessRow, person_id)
    if row is None:
        row = AccessRow(person_id=person_id)
        session.add(row)
    row.valid_from, row.valid_to = begin, end
    row.longer_unlock, row.second_factor = settings.longer_unlock, settings.second_factor
    row.face_refused = settings.face_refused
    session.flush()


def settings_record(settings: PersonSettings) -> dict[str, Any]:
    """Return settings as plain JSON values."""
    return {
        "valid_from": None if settings.valid_from is None else settings.valid_from.isoformat(),
        "valid_until": None if settings.valid_until is None else settings.valid_until.isoformat(),
        "longer_unlock": settings.longer_unlock,
        "second_factor": settings.second_factor,
        "face_refused": settings.face_refused,
    }


def set_face_refused(session: RegisterSession, person_id: PersonId, refused: bool) -> None:
    """Store whether the person refuses to have a face kept."""
    set_settings(session, person_id, replace(settings_of(session, person_id), face_refused=refused))


def refuse_refused_face(session: RegisterSession, person_id: PersonId) -> None:
    """Raise FaceRefusedError for a person of whom no template may be stored."""
    if settings_of(session, person_id).face_refused:
        name = one_person(session, person_id).name
        raise FaceRefusedError(
            f"{name} does not want the face recognised: nothing was stored. If that has changed, run "
            f"`doorward face allow` first and record a new consent"
        )


def _people(session: RegisterSession) -> dict[PersonId, PersonAccess]:
    """Everybody, as the rules know them; whole tables, since whether a row counts is written in it."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for row in session.all_rows(table_of(MembershipRow)):
        groups[row.person_id].add(row.group_name)
    own = {row.person_id: _settings(row) for row in session.all_rows(table_of(AccessRow))}
    with_pin = {row.person_id for row in session.all_rows(table_of(PinRow))}
    with_card = {row.person_id for row in session.all_rows(table_of(CardRow))}
    people = {}
    for row in session.all_rows(table_of(PersonRow)):
        settings = own.get(row.person_id, NO_SETTINGS)
        people[PersonId(row.person_id)] = PersonAccess(
            person_id=PersonId(row.person_id),
            suspended=row.status != PersonStatus.ACTIVE,
            groups=frozenset(groups.get(row.person_id, ())),
            valid_from=settings.valid_from,
            valid_until=settings.valid_until,
            longer_unlock=settings.longer_unlock,
            second_factor=settings.second_factor,
            has_pin=row.person_id in with_pin,
            has_card=row.person_id in with_card,
            has_face=not settings.face_refused,
        )
    return people


def _settings(row: Any) -> PersonSettings:
    """Read a row of the table `access`, mapped or not."""
    return PersonSettings(
        valid_from=row.valid_from,
        valid_until=row.valid_to,
        longer_unlock=row.longer_unlock,
        second_factor=row.second_factor,
        face_refused=row.face_refused,
    )

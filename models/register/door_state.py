"""`load_door_state`, `note_failure`, `note_passages`, `note_first_person`: what happened at doors before."""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select

from models.domain import PersonId
from models.register import orders
from models.register.access_schema import FailureRow, FirstPersonRow, PassageRow
from models.register.faults import damaged_rows
from models.register.schema import PersonRow
from models.register.session import RegisterSession, table_of
from models.rules.policy import EVERY_DOOR
from models.rules.request import DoorState, Failures, Passage


def load_door_state(session: RegisterSession, door: str, person_id: PersonId, at: datetime) -> DoorState:
    """Read what the rules need to know of a door, and of what a person did before.

    Of the short tables every row is read and checked: of orders, first people, and who failed since the last
    success. Of passages, which are as many as people, only this person's: one that is missing there is
    noticed when a door loads its rules. `first_of_two` is not kept in the register.

    Raises:
        RegisterTamperedError: a row of it was changed, added, removed or put back without the key.
    """
    failures = {row.person_id: row._mapping for row in session.all_rows(table_of(FailureRow))}
    first_days = {row.door: row.day for row in session.all_rows(table_of(FirstPersonRow))}
    in_force = orders.orders_in_force(session, at)
    fire_doors = orders.fire_doors_of(in_force)
    failed, day = failures.get(person_id), first_days.get(door)
    with damaged_rows():
        first_person_on = None if day is None else date.fromisoformat(day)
    return DoorState(
        lockdowns=orders.lockdowns_of(in_force),
        fire_release=bool({door, EVERY_DOOR} & fire_doors),
        first_person_on=first_person_on,
        failures=Failures() if failed is None else Failures(failed["count"], failed["last_at"]),
        passages=passages_of(session, person_id),
    )


def failures_of(session: RegisterSession, person_id: PersonId) -> Failures:
    """Return how often a person failed since the last success."""
    row = session.get(FailureRow, person_id)
    return Failures() if row is None else Failures(row.count, row.last_at)


def passages_of(session: RegisterSession, person_id: PersonId) -> tuple[Passage, ...]:
    """Return a person's last passage of each zone, by zone."""
    query = select(PassageRow).where(PassageRow.person_id == person_id).order_by(PassageRow.zone)
    return tuple(Passage(row.zone, row.inside, row.at) for row in session.scalars(query))


def note_failure(session: RegisterSession, person_id: PersonId, at: datetime) -> Failures:
    """Count one more failed attempt; returns how many there are now, none for who was erased meanwhile."""
    if session.get(PersonRow, person_id) is None:
        return Failures()
    row = session.get(FailureRow, person_id)
    if row is None:
        row = FailureRow(person_id=person_id, count=0, last_at=at)
        session.add(row)
    row.count, row.last_at = row.count + 1, at
    session.flush()
    return Failures(row.count, at)


def clear_failures(session: RegisterSession, person_id: PersonId) -> Failures:
    """Forget the failed attempts of a person; returns how many there were."""
    before = failures_of(session, person_id)
    if before.count:
        session.delete_rows(FailureRow, FailureRow.person_id == person_id)
    return before


def note_passages(session: RegisterSession, person_id: PersonId, passages: Iterable[Passage]) -> None:
    """Keep each passage in the place of the last one of its zone; nothing for who was erased meanwhile."""
    if session.get(PersonRow, person_id) is None:
        return
    kept = {
        row.zone: row for row in session.scalars(select(PassageRow).where(PassageRow.person_id == person_id))
    }
    for passage in passages:
        row = kept.get(passage.zone)
        if row is None:
            row = PassageRow(person_id=person_id, zone=passage.zone, inside=passage.inside, at=passage.at)
            session.add(row)
        row.inside, row.at = passage.inside, passage.at
    session.flush()


def forgive_passages(session: RegisterSession, person_id: PersonId | None) -> int:
    """Forget in which zones a person is, or everybody; returns how many passages there were."""
    query = select(PassageRow.id)
    if person_id is not None:
        query = query.where(PassageRow.person_id == person_id)
    ids = list(session.scalars(query))
    session.delete_rows(
        PassageRow, PassageRow.id >= 0 if person_id is None else PassageRow.person_id == person_id
    )
    return len(ids)


def note_first_person(session: RegisterSession, door: str, day: date) -> None:
    """Keep on which local day the first person was last let in at a door."""
    row = session.get(FirstPersonRow, door)
    if row is None:
        session.add(FirstPersonRow(door=door, day=day.isoformat()))
    elif row.day != day.isoformat():
        row.day = day.isoformat()
    session.flush()

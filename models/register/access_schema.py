"""`PolicyRow`, `AccessRow`, `PinRow`, `CardRow`, `OrderRow`, ...: the tables of rules and credentials."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.register.schema import AuthenticatedBase

PERSON = "people.person_id"


class PolicyRow(AuthenticatedBase):
    """The rules of the site; the newest row counts, older ones are kept as the history."""

    __tablename__ = "policies"

    id: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    digest: Mapped[str]
    created_at: Mapped[datetime]


class MembershipRow(AuthenticatedBase):
    """A person is in a group."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("person_id", "group_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"))
    group_name: Mapped[str]


class AccessRow(AuthenticatedBase):
    """What a person's access has of its own; without a row: no limits, no longer unlocking, face allowed."""

    __tablename__ = "access"

    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"), primary_key=True)
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    longer_unlock: Mapped[bool]
    second_factor: Mapped[bool]
    face_refused: Mapped[bool]


class PinRow(AuthenticatedBase):
    """A PIN of a person; see `models.register.pins` for what `lookup` is."""

    __tablename__ = "pins"
    __table_args__ = (UniqueConstraint("person_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"))
    kind: Mapped[str]
    digits: Mapped[int]
    lookup: Mapped[bytes] = mapped_column(unique=True)


class CardRow(AuthenticatedBase):
    """A card of a person; the number is encrypted, and found by `lookup`."""

    __tablename__ = "cards"

    card_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"), index=True)
    number: Mapped[bytes]
    lookup: Mapped[bytes] = mapped_column(unique=True)


class OrderRow(AuthenticatedBase):
    """A lockdown or a fire release, from when until when; rows of ended ones stay."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    plan: Mapped[str]
    doors: Mapped[list[str]]
    bypass_group: Mapped[str]
    reason: Mapped[str]
    drill: Mapped[bool]
    started_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    actor: Mapped[str]


class FailureRow(AuthenticatedBase):
    """How often a person failed since the last success; no row for never."""

    __tablename__ = "failures"

    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"), primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class PassageRow(AuthenticatedBase):
    """When a person last passed into or out of a zone; no row for unknown."""

    __tablename__ = "passages"
    __table_args__ = (UniqueConstraint("person_id", "zone"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey(PERSON, ondelete="CASCADE"))
    zone: Mapped[str]
    inside: Mapped[bool]
    at: Mapped[datetime]


class FirstPersonRow(AuthenticatedBase):
    """On which local day the first person was last let in at a door; it does not say who."""

    __tablename__ = "first_people"

    door: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str]


OF_PERSON = (MembershipRow, AccessRow, PinRow, CardRow, FailureRow, PassageRow)
"""Rows that belong to a person, and are deleted when the person is erased."""

TABLES: tuple[Table, ...] = tuple(
    kind.metadata.tables[kind.__tablename__] for kind in (PolicyRow, OrderRow, FirstPersonRow, *OF_PERSON)
)
"""Every table of this module."""

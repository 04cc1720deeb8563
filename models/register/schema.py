"""`StateRow`, `PersonRow`, ...: the tables. They change only through migrations (`migrations/versions`).

Those of rules, credentials and orders are in `models.register.access_schema`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, Dialect, ForeignKey, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from models.register.faults import damaged_rows

SCHEMA_REVISION = "0010"
"""The newest migration: the schema that this version of the program reads and writes."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone; stored as UTC, read back with the zone UTC; what is no time is a damaged row."""

    impl = DateTime
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read as `DateTime`. The function that is returned raises DamagedRowError."""
        return _damage_named(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the zone UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """Plain JSON values; what is no JSON is a damaged row."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read as `JSON`. The function that is returned raises DamagedRowError."""
        return _damage_named(super().result_processor(dialect, coltype))


class Flag(TypeDecorator[bool]):
    """True or False, as 1 or 0; anything else is a damaged row."""

    impl = Boolean
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read 1 or 0. The function that is returned raises DamagedRowError."""

        def read(value: object) -> bool:
            with damaged_rows():
                if value not in (0, 1) or not isinstance(value, int):
                    raise ValueError(f"a flag holds {value!r}")
                return bool(value)

        return read


def _damage_named(read: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def read_or_name(value: Any) -> Any:
        with damaged_rows():
            if value is not None and not isinstance(value, str):
                raise ValueError(f"a column of text holds {type(value).__name__}")
            return value if read is None else read(value)

    return read_or_name


class Base(DeclarativeBase):
    """The root of the mappings."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        bool: Flag,
        datetime: UtcDateTime,
        dict[str, Any]: Json,
        list[str]: Json,
        list[Any]: Json,
    }


class AuthenticatedBase(Base):
    """The root of every table that must not be written without the key.

    `RegisterSession` fills `mac` in when a row is written, checks it when a row is read, and keeps the sum of
    each table's in the state: a new table is protected by having this base.
    """

    __abstract__ = True

    mac: Mapped[bytes] = mapped_column(index=True)


class StateRow(Base):
    """The one row with the active key, the active release, the revisions, and the sums of the other tables.

    `version` grows with every change of an authenticated row. `next_key_id` is set while keys are changed.
    `sums` has the sum of each table's authentication codes, encrypted. `rules_revision` grows with every
    change of rules, people, credentials and orders. `credential_key` is the key of PINs and cards, encrypted;
    it is made together with the first of them.
    """

    __tablename__ = "state"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str]
    next_key_id: Mapped[str | None]
    version: Mapped[int]
    gallery_revision: Mapped[int]
    active_release_id: Mapped[str | None]
    active_model_id: Mapped[str | None]
    sums: Mapped[bytes]
    rules_revision: Mapped[int]
    credential_key: Mapped[bytes | None]
    mac: Mapped[bytes]


class PersonRow(AuthenticatedBase):
    """A person."""

    __tablename__ = "people"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    created_at: Mapped[datetime]


class ConsentRow(AuthenticatedBase):
    """A consent of a person; the newest row counts."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    purposes: Mapped[list[str]]
    given_at: Mapped[datetime]


class CropRow(AuthenticatedBase):
    """An aligned crop, encrypted."""

    __tablename__ = "crops"

    crop_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), index=True)
    image: Mapped[bytes]


class TemplateRow(AuthenticatedBase):
    """The embedding of a crop by one network, encrypted."""

    __tablename__ = "templates"
    __table_args__ = (UniqueConstraint("crop_id", "model_id"),)

    template_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"), index=True)
    crop_id: Mapped[str] = mapped_column(ForeignKey("crops.crop_id", ondelete="CASCADE"))
    model_id: Mapped[str] = mapped_column(index=True)
    vector: Mapped[bytes]


class EventRow(Base):
    """An event of a chain: what can be known without naming anybody. Only retention deletes it.

    Its hash and that of the next event show a change (`models.audit.chain`); a trigger refuses one.
    """

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("chain", "seq"),)

    event_id: Mapped[int] = mapped_column(primary_key=True)
    chain: Mapped[str]
    seq: Mapped[int]
    at: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    public: Mapped[str]
    commits: Mapped[bytes]
    prev: Mapped[bytes]
    hash: Mapped[bytes]


class SealedRow(Base):
    """A part of an event that names somebody or holds words, encrypted with the salt of its commitment.

    `subject` is a keyed hash of the person's id, to find the rows of one person.
    """

    __tablename__ = "sealed"

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[bytes | None] = mapped_column(index=True)
    key_id: Mapped[bytes] = mapped_column(index=True)
    box: Mapped[bytes]


class HeadRow(Base):
    """Where a chain ends, with a code under the register's key, and the newest checkpoint of the chain."""

    __tablename__ = "heads"

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    event_id: Mapped[int]
    hash: Mapped[bytes]
    day: Mapped[str]
    code: Mapped[bytes]
    checkpoint: Mapped[str | None]


class SegmentRow(AuthenticatedBase):
    """The events of a chain on one UTC day, closed and signed; they are deleted once `pruned_at` is set."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("chain", "first_seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    chain: Mapped[str]
    day: Mapped[str]
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    root: Mapped[bytes]
    last_hash: Mapped[bytes]
    previous: Mapped[bytes]
    checkpoint: Mapped[str]
    pruned_at: Mapped[datetime | None]


class SiteKeyRow(AuthenticatedBase):
    """The key that signs checkpoints and receipts: the public one, and the private one encrypted."""

    __tablename__ = "site_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str]
    public: Mapped[bytes]
    box: Mapped[bytes]


class ErasureRow(AuthenticatedBase):
    """That a person was erased: which sealed parts, and the signed receipt; nothing says whose they were.

    `places` has the chain, the number and the part's name of each.
    """

    __tablename__ = "erasures"

    receipt_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    places: Mapped[list[Any]]
    receipt: Mapped[str]


class DeliveryRow(Base):
    """The last event of a chain that a receiver has confirmed."""

    __tablename__ = "deliveries"

    receiver: Mapped[str] = mapped_column(primary_key=True)
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]


class ChangeRow(AuthenticatedBase):
    """Who changed what. No foreign key: after an erasure a change keeps a random id, and no values."""

    __tablename__ = "changes"

    change_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str] = mapped_column(index=True)
    old: Mapped[dict[str, Any] | None] = mapped_column(Json(none_as_null=True))
    new: Mapped[dict[str, Any] | None] = mapped_column(Json(none_as_null=True))


class CalibrationRow(AuthenticatedBase):
    """What was fitted to the scores of one gallery; the newest row of a release counts."""

    __tablename__ = "calibrations"

    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(index=True)
    model_id: Mapped[str]
    gallery_revision: Mapped[int]
    people: Mapped[int]
    tails: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ReleaseRow(AuthenticatedBase):
    """A saved release that this site made; a release without a row is not loaded."""

    __tablename__ = "releases"

    release_id: Mapped[str] = mapped_column(primary_key=True)
    manifest_sha256: Mapped[str]
    parent: Mapped[str]
    passed: Mapped[bool]
    verdict: Mapped[dict[str, Any]]
    override_reason: Mapped[str | None]
    trained_on: Mapped[list[str]]
    recorded_at: Mapped[datetime]


class GateAttemptRow(AuthenticatedBase):
    """A challenger that the gate judged. They are counted: each one spends some of the gate's confidence."""

    __tablename__ = "gate_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    champion: Mapped[str] = mapped_column(index=True)
    challenger_sha256: Mapped[str]
    passed: Mapped[bool]
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime]

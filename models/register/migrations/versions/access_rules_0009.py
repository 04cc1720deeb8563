"""Rules, groups, PINs, cards, lockdowns, and what happened to people at doors before."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables, all empty: without rules whoever is enrolled passes every door by the face."""
    _create(
        "policies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
    )
    _create(
        "memberships",
        sa.Column("id", sa.Integer(), nullable=False),
        _person(),
        sa.Column("group_name", sa.String(), nullable=False),
        _of_person("memberships"),
        sa.UniqueConstraint("person_id", "group_name", name="uq_memberships_person_id"),
    )
    _create(
        "access",
        _person(),
        sa.Column("valid_from", sa.DateTime(), nullable=True),
        sa.Column("valid_to", sa.DateTime(), nullable=True),
        sa.Column("longer_unlock", sa.Boolean(), nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("face_refused", sa.Boolean(), nullable=False),
        _of_person("access"),
    )
    _create_credentials()
    _create(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("doors", sa.JSON(), nullable=False),
        sa.Column("bypass_group", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
    )
    _create_what_happened()
    with op.batch_alter_table("state") as table:
        table.add_column(sa.Column("rules_revision", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("credential_key", sa.LargeBinary(), nullable=True))


def _create_credentials() -> None:
    _create(
        "pins",
        sa.Column("id", sa.Integer(), nullable=False),
        _person(),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        _of_person("pins"),
        sa.UniqueConstraint("person_id", "kind", name="uq_pins_person_id"),
        sa.UniqueConstraint("lookup", name="uq_pins_lookup"),
    )
    _create(
        "cards",
        sa.Column("card_id", sa.String(), nullable=False),
        _person(),
        sa.Column("number", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        _of_person("cards"),
        sa.UniqueConstraint("lookup", name="uq_cards_lookup"),
    )
    op.create_index("ix_cards_person_id", "cards", ["person_id"])


def _create_what_happened() -> None:
    _create(
        "failures",
        _person(),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        _of_person("failures"),
    )
    _create(
        "passages",
        sa.Column("id", sa.Integer(), nullable=False),
        _person(),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("inside", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        _of_person("passages"),
        sa.UniqueConstraint("person_id", "zone", name="uq_passages_person_id"),
    )
    _create(
        "first_people",
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
    )


def _create(name: str, *parts: "sa.Column[Any] | sa.Constraint") -> None:
    """Create an authenticated table; its first column is the primary key."""
    op.create_table(
        name,
        *parts,
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(str(parts[0].name), name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_mac", name, ["mac"])


def _person() -> "sa.Column[str]":
    return sa.Column("person_id", sa.String(), nullable=False)


def _of_person(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["person_id"], ["people.person_id"], name=f"fk_{name}_person_id_people", ondelete="CASCADE"
    )

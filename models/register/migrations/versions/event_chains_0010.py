"""Keep events in chains; the program carries those of the table before over, as that takes the key."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0010", "0009", None, None

TRIGGERS = (
    """
    CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
    """,
    """
    CREATE TRIGGER events_are_kept BEFORE DELETE ON events
    WHEN NOT EXISTS (
        SELECT 1 FROM segments WHERE segments.chain = OLD.chain AND segments.pruned_at IS NOT NULL
        AND OLD.seq BETWEEN segments.first_seq AND segments.last_seq
    )
    BEGIN SELECT RAISE(ABORT, 'events are deleted by whole days'); END
    """,
)


def upgrade() -> None:
    """Put the older events aside, and create the tables and the triggers."""
    for column in ("at", "person_id", "runner_up_id"):
        op.drop_index(f"ix_events_{column}", "events")
    op.rename_table("events", "events_before_chains")
    _create_events()
    _create_proofs()
    op.create_table(
        "deliveries",
        sa.Column("receiver", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "chain", name="pk_deliveries"),
    )
    for trigger in TRIGGERS:
        op.execute(trigger)


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("public", sa.String(), nullable=False),
        sa.Column("commits", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_events"),
        sa.UniqueConstraint("chain", "seq", name="uq_events_chain"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "sealed",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq", "part", name="pk_sealed"),
    )
    op.create_index("ix_sealed_subject", "sealed", ["subject"])
    op.create_index("ix_sealed_key_id", "sealed", ["key_id"])
    op.create_table(
        "heads",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("chain", name="pk_heads"),
    )


def _create_proofs() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=False),
        sa.Column("pruned_at", sa.DateTime(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("chain", "first_seq", name="uq_segments_chain"),
    )
    op.create_table(
        "site_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site_keys"),
    )
    op.create_table(
        "erasures",
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_erasures"),
    )
    for name in ("segments", "site_keys", "erasures"):
        op.create_index(f"ix_{name}_mac", name, ["mac"])

"""Add advice, box and clip time to events; rename `runner_up`, which is an id, to `runner_up_id`."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add three columns and rename one."""
    op.drop_index("ix_events_runner_up", "events")
    with op.batch_alter_table("events") as table:
        table.alter_column("runner_up", new_column_name="runner_up_id")
        table.add_column(sa.Column("advice", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("box", sa.JSON(none_as_null=True), nullable=True))
        table.add_column(sa.Column("clip_s", sa.Double(), nullable=True))
    op.create_index("ix_events_runner_up_id", "events", ["runner_up_id"])

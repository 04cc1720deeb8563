"""Add the number of the grant to events that say what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column."""
    op.add_column("events", sa.Column("intent_id", sa.Integer(), nullable=True))

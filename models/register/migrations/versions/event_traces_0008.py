"""Events have the factors shown and the checks made, and may be for the receiver of alarms alone."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0008", "0007", None, None


def upgrade() -> None:
    """Add the columns; older events have no factors and no trace."""
    op.add_column("events", sa.Column("factors", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("events", sa.Column("trace", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("events", sa.Column("silent", sa.Boolean(), nullable=False, server_default="0"))

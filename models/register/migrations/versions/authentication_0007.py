"""Add the authentication codes of rows; the program fills them in after the last step."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = ("people", "consents", "crops", "templates", "calibrations", "changes", "releases", "gate_attempts")


def upgrade() -> None:
    """Add a column to every table that decides who gets in, and four to the state."""
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.add_column(
                sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=sa.text("x''"))
            )
        op.create_index(f"ix_{name}_mac", name, ["mac"])
    with op.batch_alter_table("state") as table:
        table.add_column(sa.Column("next_key_id", sa.String(), nullable=True))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("sums", sa.LargeBinary(), nullable=False, server_default=sa.text("x''")))
        table.add_column(sa.Column("mac", sa.LargeBinary(), nullable=False, server_default=sa.text("x''")))
        table.drop_column("key_check")

"""Run by Alembic, not imported: migrations happen in the transaction that the register opened."""

from alembic import context

from models.register.schema import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()

"""`delete_before`: deletes the oldest rows of a table that grows for ever, a few at a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from models.register.schema import AuthenticatedBase
from models.register.session import RegisterSession


def delete_before(
    session: RegisterSession,
    key: InstrumentedAttribute[int],
    at: InstrumentedAttribute[datetime],
    before: datetime,
    limit: int,
) -> int:
    """Delete rows of the time before `before`, the oldest first.

    Args:
        session: of a transaction that writes.
        key, at: primary key and time of the table.
        before: with its zone.
        limit: no more rows than this, so that others who write do not wait long.

    Returns:
        The number of rows deleted.
    """
    oldest = list(session.scalars(select(key).where(at < before).order_by(at).limit(limit)))
    kind: Any = key.class_
    if issubclass(kind, AuthenticatedBase):
        session.delete_rows(kind, key.in_(oldest))
    else:
        session.execute(delete(kind).where(key.in_(oldest)))
    return len(oldest)

"""`RegisterBase`: the open connection, and who makes the changes; each part of `Register` stands on it."""

from collections.abc import Mapping
from typing import Any

from models.register import changes
from models.register.connection import RegisterConnection
from models.register.records import ChangeAction
from models.register.session import RegisterSession


class RegisterBase:
    """A connection and an actor.

    Args:
        connection: open.
        actor: whom the change log names, 1 to 100 printable characters.

    Raises:
        InputError: the actor is no such text.
    """

    def __init__(self, connection: RegisterConnection, actor: str) -> None:
        self._connection = connection
        self._actor = changes.check_actor(actor)

    def _record_change(
        self,
        session: RegisterSession,
        action: ChangeAction,
        subject_id: str,
        *,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
    ) -> None:
        changes.record_change(session, self._actor, action, subject_id, old=old, new=new)

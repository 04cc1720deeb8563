"""`RegisterSession`: a transaction that authenticates every row it reads and writes.

Rows are written through the session (`add`, changed attributes, `delete_rows`): their codes and the sums of
their tables are then kept right. Statements that would pass this by are refused.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, Row, Table, event, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.sql.elements import ColumnElement

from models.errors import RegisterError, RegisterTamperedError
from models.register import access_schema  # noqa: F401 - `authenticated_tables` has to know its tables
from models.register.macs import MAC, SUM_MODULUS, Keyring
from models.register.schema import AuthenticatedBase, Base, StateRow
from models.storage.keys import Cipher

STATE_ID = 1


class RegisterSession(Session):
    """One transaction.

    Args:
        engine: of the database.
        find_keys: called once, before the first authenticated row is read or written; sets `keys` and checks
            the state.
    """

    def __init__(self, engine: Engine, find_keys: Callable[["RegisterSession"], None]) -> None:
        super().__init__(engine)
        self._find_keys = find_keys
        self._keys: Keyring | None = None
        self._differences: dict[str, int] = {}
        self._changed = False
        self._whole: set[str] = set()

    @property
    def keys(self) -> Keyring:
        """The keys of this transaction.

        Raises:
            EncryptionKeyError: a key is absent or another register's.
            RegisterTamperedError, RegisterRolledBackError: the state was written without the key, or is older
                than what was written last.
        """
        if self._keys is None:
            self._find_keys(self)
        assert self._keys is not None, "find_keys sets them"  # noqa: S101
        return self._keys

    @keys.setter
    def keys(self, keys: Keyring) -> None:
        self._keys = keys

    def state(self) -> StateRow:
        """Return the row of state.

        Raises:
            RegisterError: it is absent.
        """
        self.keys  # noqa: B018 - the state is checked while the keys are found
        row = self.get(StateRow, STATE_ID)
        if row is None:
            raise lost_state()
        return row

    def all_rows(self, table: Table) -> list[Row[Any]]:
        """Return every row of a table: each as it was written, none missing, none put back.

        Raises:
            RegisterTamperedError: that is not so.
        """
        rows = list(self.execute(select(table)))
        keys = self.keys
        for row in rows:
            keys.check(table, row._mapping)
        self._compare(table, (row.mac for row in rows))
        return rows

    def check_complete(self, *tables: Table) -> None:
        """Check that no row is missing from these tables, and none was put back; from all without arguments.

        What the rows hold is checked where they are read.

        Raises:
            RegisterTamperedError: that is not so.
        """
        for table in tables or authenticated_tables():
            if table.name not in self._whole:
                self._compare(table, self.connection().execute(select(table.c[MAC])).scalars())

    def delete_rows(self, kind: type[AuthenticatedBase], condition: ColumnElement[bool]) -> None:
        """Delete rows. Those of other tables that refer to them must be deleted before."""
        self.flush()
        table = table_of(kind)
        for mac in self.connection().execute(select(table.c[MAC]).where(condition)).scalars():
            self.note_change(table, removed=mac)
        self.connection().execute(sql_delete(table).where(condition))

    def note_change(self, table: Table, *, removed: object = None, added: bytes | None = None) -> None:
        """Change the sum of a table, for rows that are written by other means than the session's."""
        difference = -self.keys.sum_of(table, [] if removed is None else [removed])
        difference += self.keys.sum_of(table, [] if added is None else [added])
        self._differences[table.name] = self._differences.get(table.name, 0) + difference
        self._changed = True
        self._whole.clear()

    def write_state(self) -> int | None:
        """Write all changes and the state that they lead to; returns its version, None without a change."""
        self.flush()
        if not self._changed:
            return None
        row = self.state()
        sums = self.sums()
        for name, difference in self._differences.items():
            sums[name] = sums.get(name, 0) + difference
        self._differences.clear()
        row.version += 1
        row.sums = seal_sums(self.keys.current.cipher, row.version, sums)
        self.flush()
        return row.version

    def sums(self) -> dict[str, int]:
        """Return the sums of the tables as they were stored."""
        row = self.state()
        return open_sums(self.keys.cipher_of(table_of(StateRow), row.mac), row.version, row.sums)

    def _compare(self, table: Table, macs: Iterable[object]) -> None:
        if self.keys.sum_of(table, macs) != self.sums().get(table.name, 0):
            raise RegisterTamperedError(table.name)
        self._whole.add(table.name)


def seal_sums(cipher: Cipher, version: int, sums: dict[str, int]) -> bytes:
    """Encrypt the sums of the tables for a version of the state."""
    content = json.dumps({name: f"{value % SUM_MODULUS:x}" for name, value in sums.items()}).encode()
    return cipher.encrypt(content, f"state|sums|{version}")


def open_sums(cipher: Cipher, version: int, sealed: bytes) -> dict[str, int]:
    """Return the sums of the tables by name. Raises RegisterTamperedError."""
    found = json.loads(cipher.decrypt(sealed, f"state|sums|{version}"))
    return {name: int(digits, 16) for name, digits in found.items()}


def lost_state() -> RegisterError:
    """The error of a register without its row of state."""
    return RegisterError("the register has lost its state: restore it from a backup")


def table_of(kind: type[Base]) -> Table:
    """Return the table of a class of rows."""
    table = kind.__table__
    assert isinstance(table, Table), "a class of rows is mapped to a table"  # noqa: S101
    return table


def authenticated_tables() -> list[Table]:
    """Every table with a sum: all with authentication codes but the state."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if MAC in table.columns and table is not StateRow.__table__
    ]


@event.listens_for(RegisterSession, "before_flush")
def _authenticate(session: RegisterSession, _context: UOWTransaction, _instances: object) -> None:
    """Give every new and changed row its code."""
    if any(isinstance(row, AuthenticatedBase) for row in session.deleted):
        raise TypeError("use delete_rows: it keeps the sums of the tables")
    new = [row for row in session.new if isinstance(row, AuthenticatedBase)]
    changed = [
        row for row in session.dirty if isinstance(row, AuthenticatedBase) and session.is_modified(row)
    ]
    _number(session, new)
    for row in new:
        row.mac = session.keys.current.mac(table_of(type(row)), _values(row))
        session.note_change(table_of(type(row)), added=row.mac)
    for row in changed:
        table, old = table_of(type(row)), row.mac
        row.mac = session.keys.of(table, old).mac(table, _values(row))
        session.note_change(table, removed=old, added=row.mac)
    for state in (*session.new, *session.dirty):
        if isinstance(state, StateRow) and session.is_modified(state):
            state.mac = session.keys.current.mac(table_of(StateRow), _values(state))
            session.note_change(table_of(StateRow))


def _number(session: RegisterSession, rows: Iterable[AuthenticatedBase]) -> None:
    """Give new rows that are numbered their number, which the database would choose too late for the code.

    The transaction holds the write lock: nobody else takes the same.
    """
    taken: dict[str, int] = {}
    for row in rows:
        table = table_of(type(row))
        (key,) = table.primary_key.columns
        if getattr(row, key.name) is None:
            if table.name not in taken:
                taken[table.name] = session.connection().execute(select(func.max(key))).scalar() or 0
            taken[table.name] += 1
            setattr(row, key.name, taken[table.name])


@event.listens_for(RegisterSession, "do_orm_execute")
def _refuse_bulk_statements(execution: ORMExecuteState) -> None:
    if execution.is_select:
        return
    table = getattr(execution.statement, "table", None)
    if table is not None and MAC in table.columns:
        raise TypeError(f"rows of {table.name} are written through the session, or they lack their code")


def _check_loaded(row: Base, context: Any, _names: object = None) -> None:
    """Check a row that was read."""
    session = context.session
    assert isinstance(session, RegisterSession), "authenticated rows need their session"  # noqa: S101
    session.keys.check(table_of(type(row)), _values(row))


for _kind in (AuthenticatedBase, StateRow):
    event.listen(_kind, "load", _check_loaded, propagate=True)
    event.listen(_kind, "refresh", _check_loaded, propagate=True)


def _values(row: Base) -> dict[str, Any]:
    """The columns of a row as they are in memory, without asking the database again."""
    loaded = instance_state(row).dict
    return {column.name: loaded.get(column.name) for column in table_of(type(row)).columns}

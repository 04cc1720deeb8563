"""`open_engine`, `migrate`: opens the SQLite file, begins transactions, and migrates to the newest schema."""

import contextlib
import os
import re
import stat
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from models.errors import RegisterError
from models.register.schema import SCHEMA_REVISION

WRITE = "doorward_write"
"""Execution option of transactions that write: they take the write lock when they begin, so that they
never have to be rolled back half-way for another writer."""

PRAGMAS = (
    "journal_mode = WAL",  # readers never wait for the writer
    "synchronous = FULL",  # a committed event survives a power cut
    "foreign_keys = ON",
    "secure_delete = ON",  # erased data is overwritten
)


BESIDE = ("-wal", "-shm")
"""Files of an open database: SQLite makes them with the rights of the database itself."""


def open_engine(path: Path, busy_timeout_s: float) -> Engine:
    """Open an engine for the SQLite file; creates it, readable by its owner only, when it is absent.

    Raises:
        RegisterError: others may read or write the file, or one that SQLite keeps beside it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for kept in (path, *(path.with_name(f"{path.name}{suffix}") for suffix in BESIDE)):
        _refuse_readable_by_others(kept)
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s}, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _refuse_readable_by_others(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # SQLite removes the files beside it when nobody is left
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RegisterError(f"others may read or write the register {path}: run chmod 600 {path}")


def migrate(connection: Connection) -> None:
    """Run the migrations that the database lacks, in the transaction of `connection`.

    Raises:
        RegisterError: a newer version of Doorward has written it, or none has.
    """
    found = schema_revision(connection)
    if found == SCHEMA_REVISION:
        return
    if found is not None and not re.fullmatch(r"\d{4}", str(found)):
        raise RegisterError(f"no Doorward wrote the register (schema {found!r}): restore it from a backup")
    if found is not None and found > SCHEMA_REVISION:
        raise RegisterError(f"a newer Doorward wrote the register (schema {found}): update this one")
    # Imported late: a door that starts on an up-to-date register does not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise RegisterError(f"the register cannot be updated: {error}: restore it from a backup") from error


def schema_revision(connection: Connection) -> str | None:
    """Return the last migration that ran on the database; None for an empty one.

    Raises:
        RegisterError: it holds tables of another program.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        revision: str | None = connection.execute(
            text("SELECT version_num FROM alembic_version")
        ).scalar_one_or_none()
        return revision
    if tables:
        raise RegisterError("the database holds tables of another program: name another file")
    return None


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: `_begin` does, and says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

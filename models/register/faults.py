"""`typed_faults`, `damaged_rows`: turn what the database and damaged rows raise into typed errors."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.errors import RegisterError, RegisterLockedError, StorageFullError

PRIMARY_CODE = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest byte."""

ADVICE = {
    sqlite3.SQLITE_NOTADB: "it is not a register: restore it from a backup, or name another file",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
    sqlite3.SQLITE_READONLY: "it cannot be written: check who owns the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder exists and who owns it",
    sqlite3.SQLITE_IOERR: "the disk does not read or write: check it",
}


class DamagedRowError(Exception):
    """A row holds a value that the program never writes; `typed_faults` turns it into a `RegisterError`."""


@contextmanager
def damaged_rows() -> Iterator[None]:
    """Say of a ValueError or TypeError inside that the rows are damaged. Only for code that reads rows.

    Raises:
        DamagedRowError: instead of either.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DamagedRowError from error


@contextmanager
def typed_faults(path: Path) -> Iterator[None]:
    """Turn what SQLAlchemy, sqlite3, the file system and `damaged_rows` raise into a `RegisterError`.

    Everything else passes: an error of the program is not a damaged database.

    Raises:
        RegisterLockedError: another process holds the database longer than the time allowed.
        StorageFullError: no space is left.
        RegisterError: anything else.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _typed(error, path) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"no space left for the register {path}: make room") from error
        raise RegisterError(f"the register {path}: {error.strerror}") from error
    except DamagedRowError as error:
        raise RegisterError(f"the register {path}: {ADVICE[sqlite3.SQLITE_CORRUPT]}") from error


def _typed(error: SQLAlchemyError | sqlite3.Error, path: Path) -> RegisterError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    primary = code & PRIMARY_CODE if isinstance(code, int) else None
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return RegisterLockedError(f"another process holds the register {path}: try again when it is done")
    if primary == sqlite3.SQLITE_FULL:
        return StorageFullError(f"no space left for the register {path}: make room; nothing was changed")
    # The statement's parameters stay out of the message: they may hold names.
    return RegisterError(f"the register {path}: {ADVICE.get(primary or 0, str(cause))}")

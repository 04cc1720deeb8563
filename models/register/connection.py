"""`RegisterConnection`: transactions on the database file, with typed errors, and its encryption key."""

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy.orm import Session

from models.errors import EncryptionKeyError, RegisterError
from models.register import changes, faces, state
from models.register.database import WRITE, migrate, open_engine, schema_revision
from models.register.faults import typed_faults
from models.register.records import ChangeAction
from models.register.schema import SCHEMA_REVISION
from models.storage.files import sync_folder
from models.storage.keys import Cipher, KeyFile


class RegisterConnection:
    """An open database with its key. Safe to share between threads."""

    def __init__(self, path: Path, key: bytes | KeyFile, busy_timeout_s: float) -> None:
        """Open only; `open` also prepares the schema and checks the key."""
        self._path = path
        self._key = key
        self._known: Cipher | None = None
        with typed_faults(path):
            self.engine = open_engine(path, busy_timeout_s)
            self._file = _identity(path)

    @classmethod
    def open(cls, path: Path, key: bytes | KeyFile, busy_timeout_s: float) -> Self:
        """Open, migrate and check; see `Register.open` for what is raised."""
        connection = cls(path, key, busy_timeout_s)
        try:
            connection._prepare_under_rotations()
        except BaseException:
            connection.engine.dispose()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Begin a transaction that reads one state of the database, whatever others write meanwhile."""
        with typed_faults(self._path):
            self._check_file()
            with Session(self.engine) as session, session.begin():
                yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Begin a transaction with the write lock; after an exception nothing of it is stored."""
        engine = self.engine.execution_options(**{WRITE: True})
        with typed_faults(self._path):
            self._check_file()
            with Session(engine) as session, session.begin():
                yield session

    def cipher(self, session: Session) -> Cipher:
        """Return the key of this transaction; another process may have changed it since the last one.

        Raises:
            EncryptionKeyError: it is absent or another register's.
        """
        key_id = state.state_of(session).key_id
        known = self._known  # read once: another thread may replace it at any moment
        if known is None or known.key_id != key_id:
            known = self._find_key(key_id)
            state.check_key(session, known)
            self._known = known
        return known

    def rotate_key(self, actor: str) -> str:
        """Encrypt everything under a fresh key; see `Register.rotate_key`. The change log names `actor`."""
        if not isinstance(self._key, KeyFile):
            raise EncryptionKeyError("only a key in a file can be changed: open the register with the file")
        with self.writing() as session:
            old = self.cipher(session)
            self._key.promote(old.key_id)
            self._key.remove_candidates()
            new = self._key.create_candidate()
            faces.encrypt_again(session, old, new)
            state.change_key(session, new)
            changes.record_change(
                session,
                actor,
                ChangeAction.KEY_ROTATED,
                new.key_id,
                old={"key_id": old.key_id},
                new={"key_id": new.key_id},
            )
        self._key.promote(new.key_id)
        return new.key_id

    def copy_to(self, path: Path) -> None:
        """Write a copy of the database as it is now, while others read and write; see `Register.backup`."""
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with typed_faults(self._path), self.engine.connect() as connection:
            self._check_file()
            driver = connection.connection.driver_connection
            assert driver is not None, "an open connection has its driver's connection"  # noqa: S101
            os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            try:
                with closing(sqlite3.connect(draft)) as copy:
                    driver.backup(copy)
                    # The copy is one file: what the write-ahead log holds is in it.
                    copy.execute("PRAGMA journal_mode = DELETE")
                    (found,) = copy.execute("PRAGMA integrity_check").fetchone()
                if found != "ok":
                    raise RegisterError(f"the copy is damaged, and so may be {self._path}: {found}")
                draft.replace(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        sync_folder(path.parent)

    def empty_log(self) -> None:
        """Write the write-ahead log to the database and empty it, so that it keeps no erased data."""
        with typed_faults(self._path), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None, "an open connection has its driver's connection"  # noqa: S101
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_file(self) -> None:
        """Raise RegisterError when the file was replaced: nobody else reads the one that is still open."""
        if _identity(self._path) != self._file:
            raise RegisterError(f"{self._path} was replaced while in use: start this program again")

    def _find_key(self, key_id: str) -> Cipher:
        if isinstance(self._key, KeyFile):
            return self._key.find(key_id)
        cipher = Cipher(self._key)
        if cipher.key_id != key_id:
            raise EncryptionKeyError(
                "this is not the key the register was written with: restore the right one"
            )
        return cipher

    def _prepare_under_rotations(self) -> None:
        """Prepare; again where a rotation came in between, after which the old key is gone."""
        while True:
            before = self._key_id()
            try:
                self._prepare()
                return
            except EncryptionKeyError:
                if self._key_id() == before:
                    raise

    def _key_id(self) -> str | None:
        """The id of the key in force; None in a register that has not begun."""
        with self.reading() as session:
            current = schema_revision(session.connection()) == SCHEMA_REVISION
            return state.state_of(session).key_id if current and state.state_exists(session) else None

    def _prepare(self) -> None:
        """Migrate if needed, create the state if new, and check the key. Takes no lock when all is done."""
        with self.reading() as session:
            if schema_revision(session.connection()) == SCHEMA_REVISION and state.state_exists(session):
                self.cipher(session)
                return
        with self.writing() as session:
            migrate(session.connection())
            if not state.state_exists(session):
                key = self._key
                state.create_state(session, key.load_or_create() if isinstance(key, KeyFile) else Cipher(key))
            self.cipher(session)


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode: they stay while a file is written, and differ for another file of its name."""
    found = path.stat()
    return found.st_dev, found.st_ino

"""`RegisterConnection`: transactions on the database file, with typed errors, and its encryption key."""

import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, select

from models.errors import EncryptionKeyError, RegisterError, RegisterRolledBackError
from models.register import chains, changes, state
from models.register.authenticate import authenticate_every_row, check_every_row, is_authenticated
from models.register.database import WRITE, migrate, open_engine, schema_revision
from models.register.faults import typed_faults
from models.register.log_upgrade import begin_log
from models.register.macs import Keyring, RowKey
from models.register.records import ChangeAction
from models.register.rotation import SHORT_WAIT_S, change_rows, end_rotation
from models.register.schema import SCHEMA_REVISION, StateRow
from models.register.session import RegisterSession, lost_state
from models.storage.files import sync_folder
from models.storage.keys import Cipher, KeyFile


class RegisterConnection:
    """An open database with its key. Safe to share between threads."""

    def __init__(self, path: Path, key: bytes | KeyFile, busy_timeout_s: float) -> None:
        """Open only; `open` also prepares the schema and checks the key."""
        self._path = path
        self._key = key
        self._found: dict[str, RowKey] = {}
        self._last_keys: Keyring | None = None
        self._seen_version = 0
        with typed_faults(path):
            self.engine = open_engine(path, busy_timeout_s)
            self._file = _identity(path)

    @classmethod
    def open(
        cls, path: Path, key: bytes | KeyFile, busy_timeout_s: float, *, accept_older: bool = False
    ) -> Self:
        """Open, migrate and check; see `Register.open` and `accept_backup` for what is raised."""
        connection = cls(path, key, busy_timeout_s)
        try:
            connection._prepare_under_rotations(accept_older=accept_older)
        except BaseException:
            connection.engine.dispose()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[RegisterSession]:
        """Begin a transaction that reads one state of the database, whatever others write meanwhile."""
        with typed_faults(self._path):
            self._check_file()
            # Looked up before the transaction begins: later it may know of a change that this one cannot see.
            known = self._known_version()
            session = RegisterSession(self.engine, lambda session: self._begin(session, known))
            with session, session.begin():
                yield session

    @contextmanager
    def writing(self) -> Iterator[RegisterSession]:
        """Begin a transaction with the write lock; after an exception nothing of it is stored."""
        engine = self.engine.execution_options(**{WRITE: True})
        session = RegisterSession(engine, lambda session: self._begin(session, self._known_version()))
        with typed_faults(self._path):
            self._check_file()
            with session, session.begin():
                yield session
                version = session.write_state()
        if version is not None:
            self._remember(version)

    @contextmanager
    def writing_chunk(self) -> Iterator[RegisterSession]:
        """The same for one of many short transactions; waits afterwards, so that others get their turn.

        Whoever waits for the lock looks for it now and then: without a pause it would always be taken again.
        """
        started_s = time.perf_counter()
        with self.writing() as session:
            yield session
        time.sleep(min(SHORT_WAIT_S, 2 * (time.perf_counter() - started_s)))

    def rotate_key(self, actor: str) -> str:
        """Encrypt everything under a fresh key; see `Register.rotate_key`. The change log names `actor`."""
        if not isinstance(self._key, KeyFile):
            raise EncryptionKeyError("only a key in a file can be changed: open the register with the file")
        with self.writing() as session:
            row = session.state()
            old_key_id = row.key_id
            self._key.promote(row.key_id)
            if row.next_key_id is None:
                self._key.remove_candidates()
                row.next_key_id = self._key.create_candidate().key_id
            key_id = row.next_key_id
        while True:
            with self.writing_chunk() as session:
                if session.state().next_key_id != key_id:  # another process has come to the end
                    break
                if not change_rows(session):
                    end_rotation(session)
                    changes.record_change(
                        session,
                        actor,
                        ChangeAction.KEY_ROTATED,
                        key_id,
                        old={"key_id": old_key_id},
                        new={"key_id": key_id},
                    )
                    break
        self._key.promote(key_id)
        self.empty_log()
        return key_id

    def copy_to(self, path: Path) -> None:
        """Write a copy of the database as it is now, while others read and write; see `Register.backup`."""
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with self.reading() as session:
            if session.state().next_key_id is not None:
                raise RegisterError("its key is being changed: end that with `doorward key rotate` first")
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
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)")  # the long part, while others write
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_file(self) -> None:
        """Raise RegisterError when the file was replaced: nobody else reads the one that is still open."""
        if _identity(self._path) != self._file:
            raise RegisterError(f"{self._path} was replaced while in use: start this program again")

    def _begin(self, session: RegisterSession, known_version: int) -> None:
        """Find the keys of a transaction, and check the state: another process may have changed both."""
        ids = session.execute(select(StateRow.key_id, StateRow.next_key_id)).one_or_none()
        if ids is None:
            raise lost_state()
        session.keys = self._keys(*ids)
        version = session.state().version
        if version < known_version:
            raise RegisterRolledBackError(f"version {version} after {known_version}")
        self._last_keys = session.keys
        self._remember(version)

    def keys_of_log(self, session: RegisterSession) -> Keyring:
        """Return the keys in force without a check of the state: events are written when all else is refused.

        Where the state names no key that can be found, those of the last transaction that checked it.

        Raises:
            EncryptionKeyError: a key is absent, and there was no such transaction.
        """
        ids = session.execute(select(StateRow.key_id, StateRow.next_key_id)).one_or_none()
        try:
            return self._keys(*(ids or ("", None)))
        except EncryptionKeyError:
            if self._last_keys is None:
                raise
            return self._last_keys

    def _keys(self, key_id: str, next_key_id: str | None) -> Keyring:
        found = {each: self._find_key(each) for each in (key_id, next_key_id) if each is not None}
        self._found = found  # a key that is no longer in force is forgotten
        return Keyring(found[key_id], found.get(next_key_id or ""))

    def _find_key(self, key_id: str) -> RowKey:
        known = self._found.get(key_id)
        if known is not None:
            return known
        if isinstance(self._key, KeyFile):
            return RowKey(self._key.find(key_id))
        cipher = Cipher(self._key)
        if cipher.key_id != key_id:
            raise EncryptionKeyError(
                "this is not the key the register was written with: restore the right one"
            )
        return RowKey(cipher)

    def _known_version(self) -> int:
        """The highest version of the state that this process or the file beside the key knows of."""
        written = self._key.version_file.read() if isinstance(self._key, KeyFile) else None
        return max(self._seen_version, written or 0)

    def _remember(self, version: int) -> None:
        if version > self._known_version() and isinstance(self._key, KeyFile):
            self._key.version_file.raise_to(version)
        self._seen_version = max(self._seen_version, version)

    def _prepare_under_rotations(self, *, accept_older: bool) -> None:
        """Prepare; again where a rotation came in between, after which the old key is gone."""
        while True:
            before = self._key_id()
            try:
                self._prepare(accept_older=accept_older)
                return
            except EncryptionKeyError:
                if self._key_id() == before:
                    raise

    def _key_id(self) -> str | None:
        """The id of the key in force; None in a register of another schema."""
        with typed_faults(self._path), self.engine.connect() as connection:
            if schema_revision(connection) != SCHEMA_REVISION:
                return None
            return connection.execute(select(StateRow.key_id)).scalar()

    def _prepare(self, *, accept_older: bool) -> None:
        """Migrate if needed, create the state if new, and check the key. Takes no lock when all is done."""
        if not accept_older:
            with self.reading() as session:
                if schema_revision(session.connection()) == SCHEMA_REVISION:
                    session.state()
                    return
        with typed_faults(self._path):
            engine = self.engine.execution_options(**{WRITE: True})
            known = self._known_version()
            floor = 0 if accept_older else known
            with (
                RegisterSession(engine, lambda session: self._begin(session, floor)) as session,
                session.begin(),
            ):
                connection = session.connection()
                found = schema_revision(connection)
                if found is None:
                    migrate(connection)
                    key = self._key
                    cipher = key.load_or_create() if isinstance(key, KeyFile) else Cipher(key)
                    state.create_state(session, cipher, Keyring(RowKey(cipher)), known)
                elif accept_older or found != SCHEMA_REVISION:
                    self._upgrade(connection, known, accept_older=accept_older)
                begin_log(session)
                if accept_older:
                    chains.append(
                        session, session.keys, chains.SITE, at=datetime.now(UTC), kind="backup_accepted"
                    )
                version = session.write_state() or session.state().version
        self._remember(version)

    def _upgrade(self, connection: Connection, known_version: int, *, accept_older: bool) -> None:
        """Check every row, migrate, and give every row its code anew."""
        if is_authenticated(connection):
            check_every_row(connection, self._keys)
        elif known_version and not accept_older:
            raise RegisterRolledBackError(f"no version after {known_version}")
        migrate(connection)
        authenticate_every_row(connection, self._keys, known_version)


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode: they stay while a file is written, and differ for another file of its name."""
    found = path.stat()
    return found.st_dev, found.st_ino

"""Every database failure is a typed error with advice, and changes nothing."""

import contextlib
import errno
import inspect
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from models.errors import RegisterError, RegisterLockedError, StorageFullError
from models.register import register as register_module
from models.register.faults import typed_faults
from models.register.records import Purpose
from models.register.register import Register
from models.storage.keys import KeyFile
from tests.door_events import door_event
from tests.models.register.faces import MODEL, face

EVENT = door_event()


@contextmanager
def another_writer(database: Path) -> Iterator[None]:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_a_locked_database_is_named_so_and_reading_goes_on(register: Register, database: Path) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    with another_writer(database):
        with pytest.raises(RegisterLockedError, match="another process holds the register"):
            register.append_event(EVENT)
        with pytest.raises(RegisterLockedError):
            register.add_person("Grace", [face(2)], "I agree.")
        assert len(register.templates(MODEL)) == 1
    register.append_event(EVENT)
    assert [person.name for person in register.people()] == ["Ada"]


def test_another_writer_is_waited_for_5_seconds_unless_told_otherwise(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    with (
        Register.open(database, key_file) as opened,
        opened._connection.engine.connect() as connection,
    ):
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 5000


def test_an_up_to_date_register_can_be_opened_while_another_writes(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    with another_writer(database), Register.open(database, key_file, busy_timeout_s=0.1) as second:
        assert second.people() == []


def test_a_full_disk_is_named_so_and_nothing_is_half_written(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    with register._connection.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    limit_pages(register, pages + 1)
    with pytest.raises(StorageFullError, match="make room"):
        register.add_person("Grace", [face(seed) for seed in range(2, 6)], "I agree.")
    with pytest.raises(StorageFullError):
        for _ in range(1000):
            register.append_event(EVENT)
    limit_pages(register, 1_000_000)
    assert [person.name for person in register.people()] == ["Ada"]
    assert len(register.templates(MODEL)) == 1
    register.add_person("Grace", [face(2)], "I agree.")


def limit_pages(register: Register, pages: int) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine.interfaces import DBAPIConnection

    def limit(connection: DBAPIConnection, *_: object) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count = {pages}")

    register._connection.engine.dispose()
    event.listen(register._connection.engine, "connect", limit)


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 40, b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    database: Path, key_file: KeyFile, content: bytes
) -> None:
    database.write_bytes(content)
    database.chmod(0o600)
    with pytest.raises(RegisterError, match="restore it from a backup"):
        Register.open(database, key_file)
    assert database.read_bytes() == content
    assert not key_file.path.exists()


def test_a_damaged_database_is_named_so(register: Register, database: Path, key_file: KeyFile) -> None:
    register.add_person("Ada", [face(seed) for seed in range(10)], "I agree.")
    register.close()
    content = bytearray(database.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    database.write_bytes(content)
    with pytest.raises(RegisterError, match=r"damaged|backup"), Register.open(database, key_file) as damaged:
        damaged.templates(MODEL)


def test_a_database_of_another_program_is_left_alone(database: Path, key_file: KeyFile) -> None:
    with sqlite3.connect(database) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
    raw.close()
    database.chmod(0o600)
    with pytest.raises(RegisterError, match="tables of another program"):
        Register.open(database, key_file)


def test_a_register_of_a_newer_version_is_left_alone(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.close()
    with sqlite3.connect(database) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(RegisterError, match="newer Doorward"):
        Register.open(database, key_file)


def test_a_register_that_lost_its_state_is_named_so(register: Register, database: Path) -> None:
    with sqlite3.connect(database) as raw:
        raw.execute("DELETE FROM state")
    raw.close()
    with pytest.raises(RegisterError, match="lost its state"):
        register.gallery_revision()


def test_a_place_that_cannot_be_written_is_named_so(tmp_path: Path, key_file: KeyFile) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegisterError, match="register"):
        Register.open(tmp_path / "file" / "r.sqlite", key_file)
    with pytest.raises(RegisterError, match="register"):
        Register.open(tmp_path, key_file)


def library_errors() -> Iterator[Exception]:
    """One of every error of sqlite3 and of SQLAlchemy that can be made of a message or a statement."""
    for kind in vars(sqlite3).values():
        if inspect.isclass(kind) and issubclass(kind, sqlite3.Error):
            yield kind("wrong")
    for kind in vars(sqlalchemy.exc).values():
        if inspect.isclass(kind) and issubclass(kind, sqlalchemy.exc.StatementError):
            yield kind("wrong", "SELECT 1", {}, sqlite3.OperationalError("wrong"))
        elif inspect.isclass(kind) and issubclass(kind, sqlalchemy.exc.SQLAlchemyError):
            with contextlib.suppress(TypeError):  # some want the very objects that they complain of
                yield kind("wrong")


def test_every_library_error_leaves_with_our_name() -> None:
    errors = list(library_errors())
    assert len(errors) > 30
    for error in errors:
        with pytest.raises(RegisterError, match=r"r\.sqlite"), typed_faults(Path("r.sqlite")):
            raise error


def test_a_full_disk_under_the_file_system_is_named_so() -> None:
    with pytest.raises(StorageFullError), typed_faults(Path("r.sqlite")):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(RegisterError, match="Input/output"), typed_faults(Path("r.sqlite")):
        raise OSError(errno.EIO, "Input/output error")


def test_messages_do_not_repeat_what_was_to_be_stored(register: Register, database: Path) -> None:
    with another_writer(database), pytest.raises(RegisterLockedError) as caught:
        register.add_person("Ada Unmistakable", [face(1)], "Unmistakable words.")
    assert "Unmistakable" not in str(caught.value)


def test_every_method_works_inside_a_transaction_that_names_its_faults() -> None:
    """Each public method goes through the connection, whose transactions carry `typed_faults`."""
    for name, method in vars(register_module.Register).items():
        if (
            inspect.isfunction(method)
            and not name.startswith("_")
            and name not in ("close", "acting_as", "latest_calibration")
        ):
            source = inspect.getsource(method)
            assert "_connection." in source, name


@pytest.mark.parametrize("swap", ["replaced", "deleted"])
def test_a_register_replaced_while_in_use_is_neither_read_nor_written(
    register: Register, database: Path, key_file: KeyFile, tmp_path: Path, swap: str
) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    other = tmp_path / "restored.sqlite"
    Register.open(other, key_file).close()
    database.unlink() if swap == "deleted" else other.replace(database)
    expected = "No such file" if swap == "deleted" else "replaced while in use: start this program again"
    for act in (register.people, register.gallery_revision, lambda: register.append_event(EVENT)):
        with pytest.raises(RegisterError, match=expected):
            act()


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE people SET created_at = 'yesterday'", lambda register: register.people()),
        ("UPDATE people SET status = 'welcome'", lambda register: register.find_person("Ada")),
        ("UPDATE consents SET purposes = '[\"recog'", lambda register: register.crops()),
        ("UPDATE consents SET purposes = '5'", lambda register: register.people_overview()),
        ("UPDATE consents SET purposes = '[\"dancing\"]'", lambda register: register.people_overview()),
        ('UPDATE events SET public = \'{"outcome":"perhaps"}\'', lambda register: register.events()),
        ("UPDATE events SET public = '{'", lambda register: register.events()),
        ("UPDATE events SET at = 'yesterday'", lambda register: register.events()),
        ("UPDATE changes SET action = 'sang'", lambda register: register.changes()),
        ("UPDATE changes SET at = 'yesterday'", lambda register: register.changes()),
        ("UPDATE templates SET vector = x'00'", lambda register: register.templates(MODEL)),
        ("UPDATE crops SET image = x''", lambda register: register.crops(Purpose.RECOGNITION)),
    ],
)
def test_a_damaged_row_is_named_so(
    register: Register, database: Path, damage: str, read: Callable[[Register], object]
) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.append_event(EVENT)
    connection = sqlite3.connect(database)
    connection.execute("DROP TRIGGER events_are_not_changed")
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(RegisterError, match=r"restore .* from a backup"):
        read(register)


@pytest.mark.parametrize("error", [ValueError("mine"), TypeError("mine")])
def test_an_error_of_the_program_is_no_damage_and_stores_nothing(
    register: Register, error: Exception
) -> None:
    with pytest.raises(type(error), match="mine"), register._connection.writing() as session:
        session.execute(text("UPDATE state SET gallery_revision = 77"))
        raise error
    assert register.gallery_revision() != 77

"""Migrations lead to exactly the schema that the program reads and writes."""

from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert, inspect, text

from models.domain import Quality, QualityReason
from models.errors import RegisterError
from models.register import migrations
from models.register.access_records import PinMatch
from models.register.database import WRITE, open_engine
from models.register.macs import RowKey
from models.register.register import Register
from models.register.schema import SCHEMA_REVISION, Base
from models.register.session import seal_sums
from models.rules.policy import OPEN_SITE
from models.rules.request import PersonAccess
from models.storage.keys import Cipher
from tests.door_events import door_event


def test_the_migrations_make_the_mapped_schema(register: Register) -> None:
    with register._connection.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
        tables = set(inspect(connection).get_table_names())
    assert tables == set(Base.metadata.tables) | {"alembic_version"}


def test_the_newest_migration_is_the_one_the_program_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_the_database_is_safe_against_power_cuts_and_keeps_nothing_erased(register: Register) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    with register._connection.engine.connect() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in wanted}
    assert found == wanted


def test_the_database_is_readable_by_its_owner_only(register: Register, database: Path) -> None:
    assert register.people() == []
    assert database.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_register_that_others_may_read_or_write_is_refused(
    register: Register, database: Path, suffix: str, mode: int
) -> None:
    register.people()  # while it is open the files beside it are there
    wide = database.with_name(database.name + suffix)
    wide.chmod(mode)
    with pytest.raises(RegisterError, match=f"run chmod 600 {wide}$"):
        Register.open(database, bytes(32))
    assert wide.stat().st_mode & 0o777 == mode


def test_a_register_of_the_first_schema_is_migrated_with_its_events(database: Path) -> None:
    engine = open_engine(database, 1.0)
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        connection.execute(
            text("INSERT INTO state VALUES (1, :key_id, x'', 7, NULL, NULL)"),
            {"key_id": Cipher(bytes(32)).key_id},
        )
        connection.execute(
            text(
                "INSERT INTO events (at, door, track, outcome, reason, person_id, score, runner_up, "
                "runner_up_score, threshold, release, quality, stages_ms, frames, detail) VALUES "
                "('2026-11-02 12:00:00.000000', 'front', 3, 'denied', 'ambiguous', 'a', 0.5, 'b', 0.25, 0.4, "
                """'r', '{"face_px": 99.5, "sharpness": 1, "yaw_deg": 2, "pitch_deg": 3, "roll_deg": 4, """
                """"brightness": 5, "contrast": 6, "reasons": ["blurred"]}', '{"detect": 1.5}', 3, 'words')"""
            )
        )
    engine.dispose()
    with Register.open(database, bytes(32)) as register:
        (event,) = register.events()
    assert event == door_event(
        event_id=1,
        track=3,
        reason="ambiguous",
        person_id="a",
        score=0.5,
        runner_up_id="b",
        runner_up_score=0.25,
        threshold=0.4,
        release="r",
        quality=Quality(99.5, 1, 2, 3, 4, 5, 6, (QualityReason.BLURRED,)),
        stages_ms={"detect": 1.5},
        frames=3,
        detail="words",
    )


def test_a_register_from_before_access_rules_keeps_its_people_and_has_no_rules(database: Path) -> None:
    """The tables that migration 0009 creates are empty, and every row gets its code anew."""
    engine, key = open_engine(database, 1.0), RowKey(Cipher(bytes(32)))
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
    with engine.execution_options(**{WRITE: True}).begin() as connection:
        people, state = (Table(name, MetaData(), autoload_with=connection) for name in ("people", "state"))
        ada = {"person_id": "a", "name": "Ada", "name_key": "ada", "status": "active"}
        ada |= {"created_at": datetime(2026, 11, 2, 12)}  # noqa: DTZ001 - as it is stored
        ada["mac"] = key.mac(people, ada)
        row = {"id": 1, "key_id": key.cipher.key_id, "next_key_id": None, "version": 1, "gallery_revision": 7}
        row |= {"active_release_id": None, "active_model_id": None}
        row["sums"] = seal_sums(key.cipher, 1, {"people": key.term(ada["mac"])})
        row["mac"] = key.mac(state, row)
        connection.execute(insert(people).values(ada))
        connection.execute(insert(state).values(row))
    engine.dispose()
    with Register.open(database, bytes(32)) as register:
        (person,) = register.people()
        assert register.policy() == OPEN_SITE
        assert register.access_snapshot().person(person.person_id) == PersonAccess(person.person_id)
        assert (register.gallery_revision(), register.rules_revision()) == (7, 1)
        register.set_pin(person.person_id, "8035")
        assert register.check_pin(person.person_id, "8035") is PinMatch.NORMAL

"""Migrations lead to exactly the schema that the program reads and writes."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from models.register import migrations
from models.register.register import Register
from models.register.schema import SCHEMA_REVISION, Base


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

"""docs/explanation/security.md: what is written without the key is refused as the page says."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.domain import PersonId
from models.errors import (
    DoorwardError,
    LogAlteredError,
    RegisterError,
    RegisterRolledBackError,
    RegisterTamperedError,
)
from models.register.records import (
    Calibration,
    CropEmbedding,
    GateAttempt,
    PersonStatus,
    Purpose,
    ReleaseRecord,
)
from models.register.register import Register
from models.register.schema import AuthenticatedBase, Base, UtcDateTime
from models.rules.policy import EVERY_DOOR, OPEN_SITE, LockdownPlan, PassbackZone, Policy
from models.rules.request import Passage
from models.storage.keys import KeyFile
from tests.conftest import ROOT
from tests.door_events import door_event
from tests.models.register.faces import MODEL, embedding, face

NEXT = "network-b"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
TABLES = {table.name: table for table in Base.metadata.sorted_tables}
UNNOTICED = "unnoticed"
NOT_POSSIBLE = "-"
NOTICED = ("door", "reader", "check", NOT_POSSIBLE)
"""Who notices, the earliest first."""


def rows_under(heading: str) -> dict[str, list[str]]:
    """The table under a heading of the page: the first cell, and the others."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]
    return {first.strip(): rest for first, *rest in cells}


COLUMNS = rows_under("Column by column")
ROWS = rows_under("Row by row")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register as it was, `old.sqlite`, and as it is: Mary was erased in between, Grace revoked."""
    home = tmp_path_factory.mktemp("scene")
    with Register.open(home / "r.sqlite", KeyFile(home / "keys" / "key")) as register:
        ada = register.add_person("Ada", [face(1), face(2)], "I agree.", at=NOON)
        grace = register.add_person("Grace", [face(3)], "I agree to both.", frozenset(Purpose))
        mary = register.add_person("Mary", [face(4)], "I agree as well.")
        register.erase(register.add_person("Rosalind", [face(5)], "I agree.").person_id)
        for people, release_id in ((5, "release-a"), (6, "release-b")):
            register.save_calibration(calibration(register, people, release_id))
        for release_id in ("release-a", "release-b"):
            register.record_release(release(release_id))
            register.record_attempt(GateAttempt("release-a", "ab" * 32, False, {"a": 1}, NOON))
        keep_access(register, ada.person_id, grace.person_id, mary.person_id)
        register.append_event(door_event(track=1, reason="recognised", outcome="granted"))
        register.append_event(door_event(track=2, person_id=mary.person_id))
        for day in (1, 2):
            register.append_event(door_event(at=NOON + timedelta(days=day), person_id=ada.person_id))
        for receiver in ("mqtt", "webhook"):
            register.acknowledge(receiver, "front", 2)
        register.write_checkpoints()
        register.backup(home / "old.sqlite")
        change_access(register, grace.person_id)
        register.acknowledge("mqtt", "front", 4)
        register.append_event(door_event(at=NOON + timedelta(days=2)))
        register.save_calibration(calibration(register, 4, "release-a"))
        register.record_override("release-b", "A trial.")
        register.erase(mary.person_id)
        register.set_status(grace.person_id, PersonStatus.REVOKED)
        crops = register.crops(Purpose.RECOGNITION)
        templates = [CropEmbedding(crop.crop_id, embedding(9, NEXT)) for crop in crops]
        register.prepare_templates(NEXT, templates)
        register.activate_release("release-a", MODEL)
    return home


def keep_access(register: Register, *people: PersonId) -> None:
    """A row of each person, or two, in each table of rules, credentials and orders."""
    for hours in (8, 10):
        register.set_policy(policy(hours))
    for number, person_id in enumerate(people):
        register.set_groups(person_id, {"staff"})
        register.change_access(person_id, lambda settings: replace(settings, valid_from=NOON))
        register.set_pin(person_id, f"80{number}3")
        register.add_card(person_id, f"471{number}")
        register.note_failure(person_id, NOON)
        register.note_passages(person_id, [Passage("hall", True, NOON)])
        register.note_first_person(f"door-{number}", date(2026, 11, number + 1))
    register.start_lockdown("all", "A trial.", drill=True)
    register.set_fire_release("door-1", True, "A trial.")


def change_access(register: Register, grace: PersonId) -> None:
    """What was deleted or changed after the older copy was made; Mary's rows go with her."""
    register.change_access(grace, lambda settings: replace(settings, longer_unlock=True))
    register.set_pin(grace, "9475")
    register.note_failure(grace, NOON + timedelta(hours=1))
    register.note_passages(grace, [Passage("hall", False, NOON)])
    register.note_first_person("door-1", date(2026, 11, 5))
    register.set_fire_release("door-1", False)


def policy(hours: int) -> Policy:
    return replace(
        OPEN_SITE,
        groups=frozenset({"staff"}),
        zones=(PassbackZone("hall", frozenset({"in"}), frozenset({"out"}), reset_hours=hours),),
        plans=(LockdownPlan("all", frozenset({EVERY_DOOR})),),
    )


def calibration(register: Register, people: int, release_id: str) -> Calibration:
    model_id, tails = (MODEL if people < 6 else NEXT), {"searches": {"highest": [0.1 * people]}}
    revision = register.gallery_revision()
    return Calibration(release_id, model_id, revision, people, tails, {"a": people}, NOON)


def release(release_id: str) -> ReleaseRecord:
    return ReleaseRecord(release_id, release_id[-1] * 64, "pretrained", False, {"a": 1}, None, (), NOON)


@pytest.fixture
def home(scene: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene, tmp_path / "home"))


@contextmanager
def written(home: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody without the key writes it."""
    with sqlite3.connect(home / "r.sqlite") as raw:
        raw.execute("ATTACH ? AS old", (str(home / "old.sqlite"),))
        for trigger in ("events_are_not_changed", "events_are_kept"):
            raw.execute(f"DROP TRIGGER IF EXISTS main.{trigger}")
        yield raw
    raw.close()


def outcome(home: Path) -> tuple[str, str]:
    """The code of what is raised, and who noticed: a door that loads, a reader, or the check of the log."""
    try:
        register = Register.open(home / "r.sqlite", KeyFile(home / "keys" / "key"))
    except DoorwardError as error:
        return error.code, "door"
    with register:
        try:
            register.snapshot("release-a", MODEL)
            people = register.access_snapshot().people
            for person_id in people:
                register.door_state("door-1", person_id, NOON)
                register.check_pin(person_id, "1")
                register.cards(person_id)
        except DoorwardError as error:
            return error.code, "door"
        try:
            register.policy_history()
            register.orders()
            for person in register.people():
                register.person_file(person.person_id)
            for purpose in Purpose:
                register.crops(purpose)
            register.latest_calibration("release-b")
            register.release_records()
            register.count_attempts("release-a")
            register.changes()
        except DoorwardError as error:
            return error.code, "reader"
        try:
            if register.verify_log().problems:
                return LogAlteredError.code, "check"
        except DoorwardError as error:
            return error.code, "check"
    return UNNOTICED, NOT_POSSIBLE


def other_value(kind: object, value: Any) -> Any:
    match value:
        case None if isinstance(kind, UtcDateTime):
            return "2027-01-01 00:00:00.000000"
        case None:
            return '"x"'
        case bool() | int():
            return 1 - value if value in (0, 1) else value + 1000
        case float():
            return value - 1.5
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case str() if re.match(r"\d{4}-\d\d-\d\d ", value):
            return value.replace("2026", "2027")
        case str() if value == "revoked":
            return "active"
        case str() if value == "active":
            return "revoked"
        case str() if value.startswith("["):
            return '["recognition", "training"]' if "training" not in value else '["recognition"]'
        case str() if value.startswith("{"):
            return '{"a": -1.0}'
    return value + "x"


def test_the_page_lists_every_column_of_every_table() -> None:
    expected = {f"{name}.{column.name}" for name, table in TABLES.items() for column in table.columns}
    assert set(COLUMNS) == expected | {"alembic_version.version_num"}
    assert set(ROWS) == set(TABLES)


def test_every_table_is_authenticated_but_those_that_a_door_writes_for_every_event() -> None:
    others = {name for name, table in TABLES.items() if "mac" not in table.columns}
    assert others == {"events", "sealed", "heads", "deliveries"}
    for kind in AuthenticatedBase.__subclasses__():
        for column in kind.__table__.columns:
            # A value that the database or the driver chooses is not known when the row gets its code.
            assert column.default is None and column.server_default is None and column.onupdate is None
            assert column.computed is None, column


def test_the_scene_is_as_its_register_wrote_it(home: Path) -> None:
    assert outcome(home) == (UNNOTICED, NOT_POSSIBLE)
    with written(home) as raw:
        for name in set(TABLES) - {"state", "site_keys"}:
            (count,) = raw.execute(f"SELECT count(*) FROM {name}").fetchone()
            assert count >= 2, f"the scene needs two rows in {name}"


def rowids(raw: sqlite3.Connection, table: str) -> list[int]:
    return [rowid for (rowid,) in raw.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]


@pytest.mark.slow
@pytest.mark.parametrize("exchange", [False, True], ids=["changed", "exchanged"])
@pytest.mark.parametrize("table", [*TABLES, "alembic_version"])
def test_a_column_written_without_the_key_is_refused_as_the_page_says(
    scene: Path, tmp_path: Path, table: str, exchange: bool
) -> None:
    """Write each column in turn, in each row, and compare with the page."""
    columns = [name for name in COLUMNS if name.startswith(f"{table}.")]
    for number, name in enumerate(columns):
        column, expected = name.split(".")[1], tuple(COLUMNS[name][:2])
        home = Path(shutil.copytree(scene, tmp_path / f"{number}-{exchange}"))
        with written(home) as raw:
            first, *others = rowids(raw, table)
            read = f"SELECT {column} FROM {table} WHERE rowid = ?"
            write = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            (value,) = raw.execute(read, (first,)).fetchone()
            new = other_value(TABLES[table].c[column].type if table in TABLES else None, value)
            if exchange:
                theirs = [(raw.execute(read, (other,)).fetchone()[0], other) for other in others]
                different = [(found, other) for found, other in theirs if found != value]
                if not different:
                    continue
                new, other = different[-1]
                raw.execute(write, (-1 if isinstance(value, int) else "for a moment", other))
                try:
                    raw.execute(write, (new, first))
                except sqlite3.IntegrityError:  # another row has this already
                    raw.rollback()
                    continue
                raw.execute(write, (value, other))
            else:
                raw.execute(write, (new, first))
        code, who = outcome(home)
        assert code == expected[0], (name, value, new)
        # Who notices later would notice too: the page names the last one.
        assert NOTICED.index(who) <= NOTICED.index(expected[1]), (name, value, new)


OTHER_KINDS = [5, -0.5, b"\xff\x00", "]", "", None]


@pytest.mark.slow
@pytest.mark.parametrize("value", OTHER_KINDS)
def test_values_of_another_kind_are_typed_failures_too(scene: Path, tmp_path: Path, value: Any) -> None:
    """Each column is given every second of the values: an odd column these, an even one those."""
    for number, name in enumerate(COLUMNS):
        table, column = name.split(".")
        if number % 2 != OTHER_KINDS.index(value) % 2:
            continue
        if UNNOTICED in COLUMNS[name] or name == "heads.checkpoint":
            continue
        home = Path(shutil.copytree(scene, tmp_path / str(number)))
        try:
            with written(home) as raw:
                (before,) = raw.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
                raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (value,))
                (after,) = raw.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
        except sqlite3.IntegrityError:
            continue
        if after != before:
            codes = ("register_tampered", "register_error", "encryption_key", "log_altered")
            assert outcome(home)[0] in codes, name


ATTACKS = {
    "deleted": "DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})",
    "copied": "INSERT INTO {table} ({names}) SELECT {others} FROM {table} LIMIT 1",
    "put back": "INSERT INTO {table} SELECT * FROM {old} WHERE {key} NOT IN (SELECT {columns} FROM {table})",
    "older": "REPLACE INTO {table} SELECT * FROM {old} WHERE {key} IN (SELECT {columns} FROM {table})",
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("table", TABLES)
def test_a_row_written_without_the_key_is_refused_as_the_page_says(
    home: Path, table: str, attack: str
) -> None:
    expected = ROWS[table][list(ATTACKS).index(attack)]
    keys = TABLES[table].primary_key.columns.keys()
    key = f"({', '.join(keys)})"
    names = [column.name for column in TABLES[table].columns]
    with written(home) as raw:
        everything = f"SELECT {', '.join(names)} FROM main.{table} ORDER BY {', '.join(keys)}"
        before = raw.execute(everything).fetchall()
        constraints = [each for each in TABLES[table].constraints if isinstance(each, sa.UniqueConstraint)]
        of_constraints = [list(each.columns)[-1].name for each in constraints]
        others = []
        for column in TABLES[table].columns:
            unique = column.name in keys or column.unique or column.name in ("model_id", *of_constraints)
            others_of = {int: f"{column.name} + 100", bytes: "randomblob(32)"}
            other = others_of.get(column.type.python_type, f"{column.name} || 'x'")
            others.append(other if unique else column.name)
        statement = ATTACKS[attack].format(
            table=f"main.{table}",
            old=f"old.{table}",
            key=key,
            columns=", ".join(keys),
            names=", ".join(names),
            others=", ".join(others),
        )
        raw.execute(statement)
        changed = raw.execute(everything).fetchall() != before
    assert changed == (expected != NOT_POSSIBLE)
    if changed:
        assert outcome(home)[0] == expected


def test_an_erased_person_cannot_be_put_back(home: Path) -> None:
    """All that was deleted at once, and the revision raised so that doors look."""
    with written(home) as raw:
        for table in ("people", "consents", "crops", "templates"):
            raw.execute(
                f"INSERT OR IGNORE INTO {table} SELECT * FROM old.{table} WHERE person_id = "
                "(SELECT person_id FROM old.people WHERE name = 'Mary')"
            )
    assert outcome(home) == ("register_tampered", "door")


def test_an_older_copy_of_the_whole_file_is_refused_until_it_is_accepted(home: Path) -> None:
    (home / "old.sqlite").replace(home / "r.sqlite")
    key = KeyFile(home / "keys" / "key")
    for _ in range(2):
        assert outcome(home) == ("register_rolled_back", "door")
    with Register.accept_backup(home / "r.sqlite", key) as accepted:
        assert {person.name for person in accepted.people()} == {"Ada", "Grace", "Mary"}
        accepted.backup(home / "later.sqlite")
        accepted.add_person("Jane", [face(6)], "I agree.")
    assert outcome(home) == (UNNOTICED, NOT_POSSIBLE)
    (home / "later.sqlite").replace(home / "r.sqlite")
    assert outcome(home) == ("register_rolled_back", "door")


def test_an_altered_backup_is_not_accepted(home: Path) -> None:
    with sqlite3.connect(home / "old.sqlite") as raw:
        raw.execute("UPDATE consents SET text = 'Something else.'")
    raw.close()
    (home / "old.sqlite").replace(home / "r.sqlite")
    with pytest.raises(RegisterTamperedError):
        Register.accept_backup(home / "r.sqlite", KeyFile(home / "keys" / "key"))


def test_rows_put_back_under_a_running_door_are_refused(home: Path) -> None:
    """Without the file beside the key: this process remembers what it has seen."""
    key = KeyFile(home / "keys" / "key")
    with Register.open(home / "r.sqlite", key) as door:
        key.version_file.path.unlink()
        with written(home) as raw:
            for table in TABLES:
                raw.execute(f"DELETE FROM main.{table}")
            for table in TABLES:
                raw.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
        for read in (door.gallery_revision, door.people, lambda: door.snapshot("release-a", MODEL)):
            with pytest.raises(RegisterRolledBackError):
                read()
        door.append_event(door_event(outcome="fault", reason="register_fault"))


def test_an_older_schema_is_not_trusted_once_rows_were_authenticated(home: Path) -> None:
    """Else whoever writes the file could have every row authenticated anew by an update that is none."""
    with written(home) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0002'")
    with pytest.raises(RegisterError):
        Register.open(home / "r.sqlite", KeyFile(home / "keys" / "key"))
    with written(home) as raw:
        for table in sorted(name for name in TABLES if "mac" in TABLES[name].columns and name != "state"):
            raw.execute(f"DROP INDEX ix_{table}_mac")
            raw.execute(f"ALTER TABLE {table} DROP COLUMN mac")
        for column in ("mac", "sums", "version", "next_key_id"):
            raw.execute(f"ALTER TABLE state DROP COLUMN {column}")
        raw.execute("ALTER TABLE state ADD COLUMN key_check BLOB")
        raw.execute("UPDATE people SET status = 'active'")
    assert outcome(home) == ("register_rolled_back", "door")


def test_the_state_alone_cannot_be_made_anew(home: Path) -> None:
    with written(home) as raw:
        raw.execute("DELETE FROM state")
    with pytest.raises(RegisterError, match="lost its state"):
        Register.open(home / "r.sqlite", KeyFile(home / "keys" / "key"))

"""The change log: each change is in it with who made it, and an erased person is not."""

import json
import os
import pwd
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import ConsentError, InputError, RevokedPersonError
from models.register.records import (
    Calibration,
    ChangeAction,
    PersonStatus,
    Purpose,
    ReleaseRecord,
)
from models.register.register import Register
from models.storage.keys import KeyFile
from tests.models.register.faces import MODEL, face

NAME, WORDS = "Ada Unmistakable", "Unmistakable words."


def entries(register: Register) -> list[tuple[str, object, object]]:
    return [(str(each.action), each.old, each.new) for each in register.changes()]


def test_every_change_of_a_person_is_kept_with_the_values_before_and_after(register: Register) -> None:
    began = datetime.now(UTC)
    ada = register.add_person(NAME, [face(1), face(2)], WORDS)
    register.set_consent(ada.person_id, "Yes.", set(Purpose))
    register.add_templates(ada.person_id, [face(3)])
    register.add_templates(ada.person_id, [face(4)], "No more training.")
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    assert entries(register) == [
        ("person_added", None, {"status": "active", "photos": 2, "purposes": ["recognition"]}),
        ("consent_recorded", {"purposes": ["recognition"]}, {"purposes": ["recognition", "training"]}),
        ("pictures_added", {"photos": 2}, {"photos": 3}),
        ("consent_recorded", {"purposes": ["recognition", "training"]}, {"purposes": ["recognition"]}),
        ("pictures_added", {"photos": 3}, {"photos": 4}),
        ("status_changed", {"status": "active"}, {"status": "suspended"}),
    ]
    for number, change in enumerate(register.changes(), start=1):
        assert (change.change_id, change.subject_kind, change.subject_id) == (number, "person", ada.person_id)
        assert began <= change.at <= datetime.now(UTC)


def test_the_log_has_neither_names_nor_the_words_of_a_consent(register: Register, database: Path) -> None:
    ada = register.add_person(NAME, [face(1)], WORDS)
    register.set_consent(ada.person_id, WORDS, set(Purpose))
    with sqlite3.connect(database) as raw:
        rows = raw.execute("SELECT * FROM changes").fetchall()
    raw.close()
    assert len(rows) == 2
    assert "Unmistakable" not in str(rows)


def test_thresholds_a_release_and_a_key_are_changes_too(register: Register) -> None:
    def calibrate(value: float) -> None:
        register.save_calibration(
            Calibration(
                release_id="r1",
                model_id=MODEL,
                gallery_revision=register.gallery_revision(),
                people=3,
                tails={},
                details={"identify": {"threshold": value}},
                created_at=datetime.now(UTC),
            )
        )

    calibrate(0.5)
    calibrate(0.625)
    register.activate_release("r1", MODEL)
    with register._connection.reading() as session:
        old_key = session.state().key_id
    new_key = register.rotate_key()
    assert entries(register) == [
        ("calibration_stored", None, {"people": 3, "identify": 0.5}),
        ("calibration_stored", {"people": 3, "identify": 0.5}, {"people": 3, "identify": 0.625}),
        ("release_activated", {"release": None}, {"release": "r1"}),
        ("key_rotated", {"key_id": old_key}, {"key_id": new_key}),
    ]
    assert [each.subject_id for each in register.changes()] == ["r1", "r1", "r1", new_key]


def test_a_release_that_is_recorded_and_used_against_the_gate_is_a_change(register: Register) -> None:
    register.record_release(
        ReleaseRecord("r1", "a" * 64, "pretrained", False, {}, None, (), datetime.now(UTC))
    )
    register.record_override("r1", " A trial. ")
    assert entries(register) == [
        ("release_recorded", None, {"passed": False, "parent": "pretrained"}),
        ("release_overridden", None, {"reason": "A trial."}),
    ]


def test_what_failed_or_changed_nothing_is_not_in_the_log(register: Register) -> None:
    ada = register.add_person(NAME, [face(1)], WORDS)
    register.set_status(ada.person_id, PersonStatus.REVOKED)
    before = entries(register)
    register.set_status(ada.person_id, PersonStatus.REVOKED)
    with pytest.raises(RevokedPersonError):
        register.set_status(ada.person_id, PersonStatus.ACTIVE)
    with pytest.raises(ConsentError):
        register.set_consent(ada.person_id, " ", {Purpose.RECOGNITION})
    with pytest.raises(ConsentError):
        register.add_person("Grace", [face(2)], "")
    assert entries(register) == before


def test_a_change_that_cannot_be_logged_is_not_made(register: Register, database: Path) -> None:
    ada = register.add_person(NAME, [face(1)], WORDS)
    with sqlite3.connect(database) as raw:
        raw.execute("CREATE TRIGGER no BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'no'); END")
    raw.close()
    attempts: list[Callable[[], object]] = [
        lambda: register.set_status(ada.person_id, PersonStatus.SUSPENDED),
        lambda: register.set_consent(ada.person_id, WORDS, set(Purpose)),
        lambda: register.add_person("Grace", [face(2)], WORDS),
        lambda: register.erase(ada.person_id),
        register.rotate_key,
    ]
    for attempt in attempts:
        with pytest.raises(Exception, match="no"):
            attempt()
    assert [(each.name, each.status) for each in register.people()] == [(NAME, "active")]
    assert register.consent(ada.person_id).purposes == {Purpose.RECOGNITION}


def test_an_erased_person_is_a_random_id_without_values(register: Register, database: Path) -> None:
    ada, grace = (register.add_person(name, [face(seed)], WORDS) for seed, name in enumerate((NAME, "Grace")))
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    register.erase(ada.person_id)
    changes = register.changes()
    assert [each.action for each in changes] == [
        ChangeAction.PERSON_ADDED,
        ChangeAction.PERSON_ADDED,
        ChangeAction.STATUS_CHANGED,
        ChangeAction.PERSON_ERASED,
    ]
    erased = [each for each in changes if each.subject_id != grace.person_id]
    assert len({each.subject_id for each in erased}) == 1
    assert [(each.old, each.new) for each in erased] == [(None, None)] * 3
    assert changes[1].new == {"status": "active", "photos": 1, "purposes": ["recognition"]}
    register.close()
    assert ada.person_id.encode() not in database.read_bytes()


def test_the_actor_is_the_one_who_acts(register: Register) -> None:
    page = register.acting_as("page:maria")
    ada = page.add_person(NAME, [face(1)], WORDS)
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    own = f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    assert [each.actor for each in register.changes()] == ["page:maria", own]


def test_an_actor_is_taken_from_who_opens_the_register(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    with Register.open(database, key_file, actor="door:front") as door:
        door.add_person(NAME, [face(1)], WORDS)
    assert [each.actor for each in register.changes()] == ["door:front"]


@pytest.mark.parametrize("actor", ["", "  ", "a" * 101, "two\nlines"])
def test_nobody_acts_without_a_proper_name(
    register: Register, database: Path, key_file: KeyFile, actor: str
) -> None:
    with pytest.raises(InputError, match="1 to 100 printable characters"):
        register.acting_as(actor)
    with pytest.raises(InputError, match="1 to 100 printable characters"):
        Register.open(database, key_file, actor=actor)


def test_changes_are_found_by_person_time_and_number(register: Register) -> None:
    ada, grace = (register.add_person(name, [face(seed)], WORDS) for seed, name in enumerate((NAME, "Grace")))
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    first, second, third = register.changes()
    assert register.changes(person_id=ada.person_id) == [first, third]
    assert register.changes(person_id=grace.person_id) == [second]
    assert register.changes(limit=2) == [second, third]
    assert register.changes(since=second.at, until=third.at) == [second]
    assert register.changes(until=first.at - timedelta(seconds=1)) == []


def test_changes_are_plain_json(register: Register) -> None:
    register.add_person(NAME, [face(1)], WORDS)
    (change,) = register.changes()
    assert json.loads(json.dumps([change.old, change.new])) == [change.old, change.new]

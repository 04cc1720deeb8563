"""A backup is the whole register in one file, made while others write, and worth nothing without the key."""

import threading
from pathlib import Path

import pytest

from models.errors import EncryptionKeyError, InputError, StorageFullError
from models.register.register import Register
from models.storage.keys import KeyFile
from tests.door_events import door_event
from tests.models.register.faces import MODEL, face


def test_a_backup_opens_as_the_register_it_was_made_of(
    register: Register, tmp_path: Path, key_file: KeyFile
) -> None:
    ada = register.add_person("Ada", [face(1)], "I agree.")
    register.append_event(door_event(detail="before"))
    copy = tmp_path / "copies" / "register.sqlite"
    copy.parent.mkdir()
    register.backup(copy)
    register.add_person("Grace", [face(2)], "I agree.")
    assert [path.name for path in copy.parent.iterdir()] == ["register.sqlite"]
    assert copy.stat().st_mode & 0o777 == 0o600
    with Register.accept_backup(copy, key_file) as restored:
        assert restored.people() == [ada]
        assert [event.detail for event in restored.events()] == ["before"]
        (template,) = restored.templates(MODEL)
        assert template.embedding.vector.tobytes() == face(1).embedding.vector.tobytes()


def test_a_backup_without_the_key_cannot_be_read(register: Register, tmp_path: Path) -> None:
    register.backup(tmp_path / "copy.sqlite")
    with pytest.raises(EncryptionKeyError):
        Register.open(tmp_path / "copy.sqlite", bytes(32))


def test_nothing_is_overwritten(register: Register, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("something else")
    with pytest.raises(InputError, match="exists already"):
        register.backup(taken)
    assert taken.read_text() == "something else"
    with pytest.raises(InputError, match="no folder"):
        register.backup(tmp_path / "absent" / "copy.sqlite")


def test_a_backup_that_fails_leaves_no_file(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    before = set(tmp_path.iterdir())
    with pytest.raises(StorageFullError):
        register.backup(tmp_path / "copy.sqlite")
    assert set(tmp_path.iterdir()) == before


def test_a_backup_is_consistent_while_others_write(
    register: Register, database: Path, key_file: KeyFile, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        with Register.open(database, key_file) as other:
            number = 0
            while not stop.is_set():
                other.append_event(door_event(track=(number := number + 1)))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for attempt in range(5):
            register.backup(tmp_path / f"{attempt}.sqlite")
    finally:
        stop.set()
        writer.join()
    for attempt in range(5):
        with Register.open(tmp_path / f"{attempt}.sqlite", key_file) as copy:
            tracks = [event.track for event in copy.events()]
            assert tracks == list(range(1, len(tracks) + 1))

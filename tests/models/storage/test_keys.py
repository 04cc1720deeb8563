"""The key file and the cipher: refusals, rotation, and data that was moved or altered."""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from models.errors import EncryptionKeyError, RegisterError, StorageFullError
from models.register import rotation
from models.register.records import PersonStatus, Purpose
from models.register.register import Register
from models.storage.keys import Cipher, KeyFile
from tests.models.register.faces import MODEL, face


def test_the_key_is_made_with_the_register_for_its_owner_only(register: Register, key_file: KeyFile) -> None:
    assert register.people() == []
    assert key_file.path.stat().st_mode & 0o777 == 0o600
    assert key_file.path.parent.stat().st_mode & 0o077 == 0


def test_faces_are_not_readable_in_the_file(register: Register, database: Path) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.close()
    files = b"".join(path.read_bytes() for path in database.parent.glob("register.sqlite*"))
    assert face(1).embedding.vector.tobytes()[:16] not in files
    assert face(1).crop.image.tobytes()[:16] not in files


def test_an_absent_key_is_never_replaced_by_a_fresh_one(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.close()
    key_file.path.unlink()
    with pytest.raises(EncryptionKeyError, match="absent: restore it"):
        Register.open(database, key_file)
    assert not key_file.path.exists()


def test_another_key_is_refused_when_the_register_is_opened(register: Register, database: Path) -> None:
    register.close()
    with pytest.raises(EncryptionKeyError, match="not the key"):
        Register.open(database, os.urandom(32))
    other = KeyFile(database.parent / "other.key")
    other.load_or_create()
    with pytest.raises(EncryptionKeyError, match="is not the key this register was written with"):
        Register.open(database, other)


@pytest.mark.parametrize(
    "content", ["", "doorward-key-1", "doorward-key-1 !!!", "doorward-key-1 YWJj", "other AAAA", "\x80"]
)
def test_a_malformed_key_is_refused(
    register: Register, database: Path, key_file: KeyFile, content: str
) -> None:
    register.close()
    key_file.path.write_text(content, encoding="latin-1")
    with pytest.raises(EncryptionKeyError, match=r"restore the right one|cannot be read"):
        Register.open(database, key_file)


def test_a_key_that_others_may_read_is_refused_with_advice(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.close()
    key_file.path.chmod(0o640)
    with pytest.raises(EncryptionKeyError, match=f"chmod 600 {key_file.path}"):
        Register.open(database, key_file)


def test_a_key_of_another_length_is_refused(database: Path) -> None:
    with pytest.raises(EncryptionKeyError, match="31 bytes"):
        Register.open(database, bytes(31))


def test_a_template_moved_to_another_person_does_not_open(register: Register, database: Path) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.add_person("Grace", [face(2)], "I agree.")
    with sqlite3.connect(database) as raw:
        (first, a), (second, b) = raw.execute("SELECT template_id, vector FROM templates").fetchall()
        raw.execute("UPDATE templates SET vector = ? WHERE template_id = ?", (b, first))
        raw.execute("UPDATE templates SET vector = ? WHERE template_id = ?", (a, second))
    raw.close()
    with pytest.raises(RegisterError, match="tampered"):
        register.templates(MODEL)


@pytest.mark.parametrize("column", ["person_id", "model_id"])
def test_a_template_given_to_another_owner_does_not_open(
    register: Register, database: Path, column: str
) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    grace = register.add_person("Grace", [face(2)], "I agree.")
    value = grace.person_id if column == "person_id" else "network-b"
    with sqlite3.connect(database) as raw:
        raw.execute(f"UPDATE templates SET {column} = ? WHERE person_id != ?", (value, grace.person_id))
    raw.close()
    with pytest.raises(RegisterError, match="tampered"):
        register.templates(MODEL)
        register.templates("network-b")


def test_one_flipped_bit_is_noticed() -> None:
    cipher = Cipher(bytes(32))
    sealed = cipher.encrypt(b"a face", "here")
    assert cipher.decrypt(sealed, "here") == b"a face"
    for position in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 1
        with pytest.raises(RegisterError):
            cipher.decrypt(bytes(damaged), "here")
    for cut in (sealed[:-1], sealed[:12], b""):
        with pytest.raises(RegisterError):
            cipher.decrypt(cut, "here")


def test_the_same_content_never_looks_the_same() -> None:
    cipher = Cipher(bytes(32))
    assert len({cipher.encrypt(b"a face", "here") for _ in range(100)}) == 100


def keys_beside(key_file: KeyFile) -> list[str]:
    """The names of the keys that lie beside the one in use."""
    ours = (key_file.path, key_file.version_file.path)
    return [path.name for path in key_file.path.parent.iterdir() if path not in ours]


def test_rotation_replaces_the_key_and_keeps_every_face(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.add_person("Ada", [face(1), face(2)], "I agree.")
    before = [template.embedding.vector.tobytes() for template in register.templates(MODEL)]
    images = [crop.crop.image.tobytes() for crop in register.crops(Purpose.RECOGNITION)]
    old_text, revision = key_file.path.read_text(), register.gallery_revision()
    new_id = register.rotate_key()
    assert key_file.path.read_text() != old_text
    assert keys_beside(key_file) == []
    assert register.gallery_revision() == revision
    with Register.open(database, key_file) as again:
        assert key_file.find(new_id).key_id == new_id
        assert [template.embedding.vector.tobytes() for template in again.templates(MODEL)] == before
        assert [crop.crop.image.tobytes() for crop in again.crops(Purpose.RECOGNITION)] == images


def test_a_register_that_is_open_elsewhere_follows_a_rotation(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    with Register.open(database, key_file) as elsewhere:
        elsewhere.rotate_key()
    assert len(register.templates(MODEL)) == 1
    register.add_person("Grace", [face(2)], "I agree.")
    assert len(register.templates(MODEL)) == 2


def test_a_rotation_killed_after_its_commit_is_finished_by_the_next(
    register: Register, database: Path, key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "promote", lambda *_: None)  # as if killed before the rename
        register.rotate_key()
    register.close()
    assert len(keys_beside(key_file)) == 1
    with Register.open(database, key_file) as again:
        assert len(again.templates(MODEL)) == 1
        again.rotate_key()
        assert keys_beside(key_file) == []
        assert len(again.templates(MODEL)) == 1


def test_only_a_key_in_a_file_can_be_rotated(tmp_path: Path) -> None:
    with (
        Register.open(tmp_path / "r.sqlite", bytes(32)) as register,
        pytest.raises(EncryptionKeyError, match="file"),
    ):
        register.rotate_key()


def test_readers_and_a_rotating_process_do_not_disturb_each_other(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    """Threads with registers of their own read all the while; each reading is whole or refused by name."""
    register.add_person("Ada", [face(1)], "I agree.")
    expected = face(1).embedding.vector.tobytes()
    done = threading.Event()
    seen: list[bytes] = []
    refused: list[EncryptionKeyError] = []

    def read() -> None:
        with Register.open(database, key_file) as own:
            while not done.is_set():
                try:
                    seen.extend(one.embedding.vector.tobytes() for one in own.templates(MODEL))
                except EncryptionKeyError as error:  # a reading that began before the last commit
                    refused.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        register.rotate_key()
    done.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 10
    assert set(seen) == {expected}
    assert len(refused) <= len(seen)
    with Register.open(database, key_file) as again:
        assert len(again.templates(MODEL)) == 1


def test_a_register_that_is_opened_during_a_rotation_opens(
    register: Register, database: Path, key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, rotations = KeyFile.find, list[str]()

    def rotate_first(self: KeyFile, key_id: str) -> Cipher:
        if not rotations:  # the reader has read the old key's id, and looks for it too late
            rotations.append("")
            rotations.append(register.rotate_key())
        return find(self, key_id)

    register.add_person("Ada", [face(1)], "I agree.")
    monkeypatch.setattr(KeyFile, "find", rotate_first)
    with Register.open(database, key_file) as opened:
        assert len(rotations) == 2
        assert len(opened.templates(MODEL)) == 1


def test_a_rotation_that_stops_half_way_can_be_read_written_and_brought_to_its_end(
    register: Register, database: Path, key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.register.rotation.CHUNK_ROWS", 1)
    ada = register.add_person("Ada", [face(1), face(2)], "I agree.")
    register.add_person("Grace", [face(3)], "I agree.")
    before, encrypt_again = key_file.path.read_text(), rotation.encrypt_again

    def fail_at_templates(table: Table, *arguments: Any) -> int:
        if table.name == "templates":
            raise StorageFullError("no space left")
        return encrypt_again(table, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("models.register.rotation.encrypt_again", fail_at_templates)
        with pytest.raises(StorageFullError):
            register.rotate_key()
    assert key_file.path.read_text() == before
    assert len(keys_beside(key_file)) == 1
    with pytest.raises(RegisterError, match="key is being changed"):
        register.backup(database.parent / "copy.sqlite")
    with Register.open(database, key_file) as other:
        assert len(other.templates(MODEL)) == len(other.crops(Purpose.RECOGNITION)) == 3
        other.set_status(ada.person_id, PersonStatus.SUSPENDED)
        mary = other.add_person("Mary", [face(4)], "I agree.")
        other.erase(mary.person_id)
        other.add_person("Jane", [face(5)], "I agree.")
        (waiting,) = keys_beside(key_file)
        assert other.rotate_key() == waiting.rpartition(".")[2], "the same key, not a third one"
    assert keys_beside(key_file) == []
    assert before != key_file.path.read_text()
    with Register.open(database, key_file) as again:
        assert len(again.templates(MODEL)) == 2
        assert len(again.templates(MODEL, tuple(PersonStatus))) == len(again.crops(Purpose.RECOGNITION)) == 4
        again.backup(database.parent / "copy.sqlite")


def test_nothing_under_the_old_key_is_left_after_a_rotation(register: Register, database: Path) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    with sqlite3.connect(database) as raw:
        (image,) = raw.execute("SELECT image FROM crops").fetchone()
        (vector,) = raw.execute("SELECT vector FROM templates").fetchone()
        (mac,) = raw.execute("SELECT mac FROM people").fetchone()
    raw.close()
    register.rotate_key()
    files = b"".join(path.read_bytes() for path in database.parent.glob("register.sqlite*"))
    for trace in (image[:16], vector[:16], mac):
        assert trace not in files


def test_a_key_that_cannot_be_written_leaves_no_register_without_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = KeyFile(tmp_path / "file" / "register.key")
    with pytest.raises(EncryptionKeyError, match="cannot be"):
        Register.open(tmp_path / "r.sqlite", blocked)
    good = KeyFile(tmp_path / "keys" / "register.key")
    with Register.open(tmp_path / "r.sqlite", good) as register:
        assert register.people() == []


def test_a_key_that_is_a_pipe_is_refused_without_waiting_for_it(
    register: Register, database: Path, key_file: KeyFile
) -> None:
    register.close()
    key_file.path.unlink()
    os.mkfifo(key_file.path, 0o600)
    with pytest.raises(EncryptionKeyError, match="is not a file"):
        Register.open(database, key_file)

"""The event log against everything that somebody can do to its rows by raw SQL, with the triggers dropped."""

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from models.audit.checkpoint import SiteSigner, SiteVerifier
from models.audit.export import ExportError, check_export
from models.domain import PersonId
from models.errors import InputError, LogAlteredError, RegisterError, RegisterTamperedError
from models.events import DoorEvent
from models.register.register import Register
from models.storage.keys import KeyFile
from tests.door_events import NOON, door_event
from tests.models.register.faces import face

DAY = timedelta(days=1)
TRIGGERS = ("events_are_not_changed", "events_are_kept")


class Home:
    """A folder with a register, and raw access to its file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / "register.sqlite"

    def open(self) -> Register:
        return Register.open(self.database, KeyFile(self.folder / "keys" / "register.key"))

    @contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        """The file as somebody without the key writes it; the triggers do not stop them."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for trigger in TRIGGERS:
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            yield connection

    def attack(self, *statements: str) -> None:
        with self.raw() as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount != 0, statement

    def found(self, *checkpoints: str) -> list[tuple[str, int | None]]:
        """Where the check finds a problem."""
        with self.open() as register:
            return [(each.chain, each.seq) for each in register.verify_log(checkpoints).problems]


def write_days(
    register: Register, person_id: PersonId, days: int, each: int = 3, door: str = "front"
) -> None:
    for day in range(days):
        for minute in range(each):
            register.append_event(
                door_event(
                    at=NOON + day * DAY + timedelta(minutes=minute),
                    door=door,
                    person_id=person_id,
                    score=0.5 + 0.01 * minute,
                    runner_up_id=PersonId("b" * 32),
                    runner_up_score=0.125,
                    detail=f"words {day}",
                )
            )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days at the front door, of which the last is open; a silent event; what operators did."""
    home = Home(tmp_path_factory.mktemp("log"))
    with home.open() as register:
        ada = register.add_person("Ada", [face(1)], "I agree.")
        mary = register.add_person("Mary", [face(2)], "I agree.")
        write_days(register, ada.person_id, 3)
        write_days(register, mary.person_id, 1, 2, door="back")
        register.append_event(
            door_event(outcome="alarm", reason="duress", silent=True, person_id=ada.person_id)
        )
        register.erase(mary.person_id)
        register.write_checkpoints()
    return home.folder


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(prepared, tmp_path / "home")))


# --- what is written ----------------------------------------------------------------------------------------


def test_an_untouched_log_has_no_problem(home: Home) -> None:
    with home.open() as register:
        report = register.verify_log(register.checkpoints())
        assert report.problems == ()
        counts = {each.chain: (each.events, each.days, each.pruned) for each in report.chains}
    assert counts == {"front": (9, 2, 0), "back": (2, 0, 0), "front/silent": (1, 0, 0), "site": (4, 0, 0)}


def test_the_hashes_are_those_of_the_documented_bytes(home: Home) -> None:
    """Computed here from the formula in the documentation, with nothing of the program."""

    def lp(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    with home.raw() as raw:
        site_id, public = raw.execute("SELECT site_id, public FROM site_keys").fetchone()
        before = hashlib.sha256(
            b"doorward/genesis/1\0" + lp(site_id.encode()) + lp(b"front") + lp(public)
        ).digest()
        rows = raw.execute(
            "SELECT seq, at, kind, public, commits, prev, hash FROM events WHERE chain = 'front' ORDER BY seq"
        ).fetchall()
    for number, (seq, at, kind, values, commits, prev, found) in enumerate(rows, start=1):
        assert (seq, prev, len(at), len(commits)) == (number, before, 27, 3 * 32)
        content = lp(b"front") + seq.to_bytes(8, "big") + lp(at.encode()) + lp(kind.encode())
        content += lp(values.encode()) + lp(commits) + prev
        before = hashlib.sha256(b"\x00doorward/event/1\0" + content).digest()
        assert found == before
    assert len(rows) == 9


def test_the_database_without_the_key_does_not_say_who_came(home: Home) -> None:
    with home.open() as register:
        (ada,) = register.people()
        assert {event.person_id for event in register.events(door="front")} == {ada.person_id}
    with home.raw() as raw:
        rows = [*raw.execute("SELECT * FROM events"), *raw.execute("SELECT * FROM sealed")]
    stored = repr(rows)
    for secret in (ada.person_id, "b" * 32, "words", "Ada"):
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_silent_events_are_listed_only_where_they_are_asked_for(home: Home) -> None:
    with home.open() as register:
        assert not any(event.silent for event in register.events())
        (silent,) = [event for event in register.events(silent=True) if event.silent]
        assert (silent.door, silent.reason) == ("front", "duress")
        assert register.chain_events("front/silent", 0, 10) == [silent]
        assert silent in register.events(door="front", silent=True)
        assert register.chains() == ["back", "front", "front/silent", "site"]


def test_a_chain_is_read_in_pieces_and_what_operators_did_are_notices(home: Home) -> None:
    with home.open() as register:
        pieces, after = list[DoorEvent](), 0
        while found := register.chain_events("front", after, 4):
            pieces += found
            after = found[-1].seq or 0
        assert pieces == register.events(door="front")
        assert [event.seq for event in pieces] == list(range(1, 10))
        site = register.chain_events("site", 0, 10)
    assert {(event.door, event.outcome, event.reason) for event in site} == {
        ("site", "notice", "register_changed")
    }
    assert [event.detail for event in site] == ["person_added", "person_added", "person_erased", "erased"]


def test_every_receiver_has_its_own_place_and_never_goes_back(home: Home) -> None:
    with home.open() as register:
        assert register.acknowledged("mqtt") == {}
        register.acknowledge("mqtt", "front", 3)
        register.acknowledge("mqtt", "front", 2)
        register.acknowledge("mqtt", "site", 1)
        register.acknowledge("hook", "front", 9)
        assert register.acknowledged("mqtt") == {"front": 3, "site": 1}
        assert register.acknowledged("hook") == {"front": 9}


def test_a_door_cannot_write_into_another_chain(home: Home) -> None:
    with home.open() as register:
        for door in ("site", "front/silent"):
            with pytest.raises(RegisterError, match="no door can be called"):
                register.append_event(door_event(door=door))


@pytest.mark.parametrize(
    ("statement", "message"),
    [("UPDATE events SET at = at", "never changed"), ("DELETE FROM events", "by whole days")],
)
def test_the_database_refuses_statements_that_change_events(home: Home, statement: str, message: str) -> None:
    with closing(sqlite3.connect(home.database)) as raw, pytest.raises(sqlite3.IntegrityError, match=message):
        raw.execute(statement)


def test_a_checkpoint_is_written_every_thousand_events(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.register.log.CHECKPOINT_EVENTS", 3)
    for number in range(7):
        register.append_event(door_event(track=number))
    (note,) = register.checkpoints()
    assert note.splitlines()[1] == "6"


def test_two_processes_write_one_chain_without_a_gap(home: Home) -> None:
    with home.open() as one, home.open() as other:
        for _ in range(3):
            one.append_event(door_event(door="side"))
            other.append_event(door_event(door="side"))
        assert [event.seq for event in one.chain_events("side", 0, 10)] == [1, 2, 3, 4, 5, 6]
        assert one.verify_log().problems == ()


# --- attacks ------------------------------------------------------------------------------------------------


def flips(value: Any, step: int) -> Iterator[Any]:
    """The value with each of its bytes changed in turn; with a step of 3 every third."""
    match value:
        case int():
            yield value + 1000
        case bytes():
            for at in range(0, len(value), step):
                yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
            yield value + b"\0"
        case str():
            for at in range(0, len(value), step):
                yield value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
            yield value + " "
    if value is not None:
        yield None


def same_value(value: Any, other: Any) -> bool:
    """True where both are read as the same: a time with another divider, JSON with another blank."""
    for read in (datetime.fromisoformat, json.loads):
        with suppress(TypeError, ValueError):
            if read(value) == read(other):
                return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("table", ["events", "sealed", "heads", "segments", "erasures", "site_keys"])
def test_each_byte_that_is_flipped_is_found(home: Home, table: str) -> None:
    """In every column of the last row, which no closed day protects; of the first row every third."""
    tried = 0
    with home.open() as register, home.raw() as raw:
        columns = [name for _, name, *_ in raw.execute(f"PRAGMA table_info({table})")]
        rowids = [rowid for (rowid,) in raw.execute(f"SELECT rowid FROM {table}")]
        chosen = {rowids[0], rowids[-1]}
        for rowid in chosen:
            for column in columns:
                (value,) = raw.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
                for other in flips(value, 1 if rowid == rowids[-1] else 3):
                    if column == "checkpoint" and table == "heads" and other is None:
                        continue  # a chain has none until the first is written: without it nothing is claimed
                    if table == "erasures" and same_value(value, other):
                        continue
                    try:
                        raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, rowid))
                    except sqlite3.IntegrityError:
                        continue
                    tried += 1
                    moved = other if column in ("event_id", "id") and table != "heads" else rowid
                    with suppress(RegisterError):
                        assert register.verify_log().problems, (table, column, value, other)
                    raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, moved))
        assert register.verify_log().problems == ()
    assert tried > 100


ROW = "SELECT event_id + 500, chain, {seq}, at, kind, public, commits, prev, hash FROM events"
PERSON_OF_5 = " WHERE chain = 'front' AND seq = 5 AND part = 'person'"
ATTACKS: dict[str, tuple[tuple[str, ...], tuple[str, int | None]]] = {
    "one is dropped from a closed day": (
        ("DELETE FROM events WHERE chain = 'front' AND seq = 2",),
        ("front", 2),
    ),
    "one is dropped from the open day": (
        ("DELETE FROM events WHERE chain = 'front' AND seq = 8",),
        ("front", 8),
    ),
    "the last one is cut off": (("DELETE FROM events WHERE chain = 'front' AND seq = 9",), ("front", 9)),
    "the open day is cut off": (("DELETE FROM events WHERE chain = 'front' AND seq > 6",), ("front", 7)),
    "two are swapped": (
        (
            "UPDATE events SET seq = 99 WHERE chain = 'front' AND seq = 2",
            "UPDATE events SET seq = 2 WHERE chain = 'front' AND seq = 3",
            "UPDATE events SET seq = 3 WHERE chain = 'front' AND seq = 99",
        ),
        ("front", 2),
    ),
    "one is moved to another door": (
        ("UPDATE events SET chain = 'back', seq = 3 WHERE chain = 'front' AND seq = 9",),
        ("back", 3),
    ),
    "a copy is added to the end": (
        (f"INSERT INTO events {ROW.format(seq=10)} WHERE chain = 'front' AND seq = 9",),
        ("front", 10),
    ),
    "what is sealed is deleted": (
        ("DELETE FROM sealed WHERE chain = 'front' AND seq = 5 AND part = 'person'",),
        ("front", 5),
    ),
    "what is sealed is exchanged": (
        (
            "UPDATE sealed SET box = (SELECT box FROM sealed WHERE chain = 'front' AND seq = 4 AND"
            f" part = 'person'){PERSON_OF_5}",
        ),
        ("front", 5),
    ),
    "an erasure is copied to another person's event": (
        (
            "UPDATE sealed SET (subject, box) ="
            f" (SELECT subject, box FROM sealed WHERE chain = 'back' LIMIT 1){PERSON_OF_5}",
        ),
        ("front", 5),
    ),
    "the end is forgotten": (("DELETE FROM heads WHERE chain = 'front'",), ("front", None)),
    "a checkpoint of another chain is put there": (
        (
            "UPDATE heads SET checkpoint = (SELECT checkpoint FROM heads WHERE chain = 'site') "
            "WHERE chain = 'front'",
        ),
        ("front", None),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_found_and_the_place_is_named(home: Home, attack: str) -> None:
    statements, place = ATTACKS[attack]
    home.attack(*statements)
    assert place in home.found()


@pytest.mark.parametrize(
    "attack", ["the last one is cut off", "the end is forgotten", "one is dropped from the open day"]
)
def test_writing_on_does_not_hide_an_attack(home: Home, attack: str) -> None:
    """The door goes on to write, and nothing of what was changed is signed."""
    statements, place = ATTACKS[attack]
    home.attack(*statements)
    with home.open() as register:
        signed = register.checkpoints()
        for minute in range(3):
            register.append_event(door_event(at=NOON + 2 * DAY + timedelta(hours=1, minutes=minute)))
        register.append_event(door_event(at=NOON + 3 * DAY))
        assert len(register.events(door="front", since=NOON + 2 * DAY + timedelta(hours=1))) == 4
        with pytest.raises(LogAlteredError):
            register.write_checkpoints(["front"])
        assert register.checkpoints() == signed
    found = home.found()
    assert found
    if place[1] is not None:
        assert place in found


def test_events_that_are_written_anew_without_the_key_are_found(home: Home) -> None:
    """The open day with other content and right hashes: only the end's code and the checkpoint tell."""
    from models.audit.chain import ChainEvent, event_hash

    with home.raw() as raw:
        columns = ("chain", "seq", "event_id", "at", "kind", "public", "commits", "prev", "hash")
        rows = raw.execute(
            f"SELECT {', '.join(columns)} FROM events WHERE chain = 'front' AND seq >= 8 ORDER BY seq"
        ).fetchall()
        before: bytes | None = None
        for row in rows:
            event = ChainEvent(**dict(zip(columns, row, strict=True)))
            event = replace(event, at="2026-11-04T05:00:00.000000Z", prev=before or event.prev)
            before = event_hash(event)
            raw.execute(
                "UPDATE events SET at = ?, prev = ?, hash = ? WHERE event_id = ?",
                (event.at, event.prev, before, event.event_id),
            )
        raw.execute("UPDATE heads SET hash = ? WHERE chain = 'front'", (before,))
    assert ("front", None) in home.found(), "the end has a code that takes the key"
    assert ("front", 9) in home.found(), "the checkpoint was signed before"


def test_a_key_of_the_attacker_s_own_does_not_help(home: Home) -> None:
    signer = SiteSigner("attacker", bytes(32))
    with home.raw() as raw:
        raw.execute("UPDATE site_keys SET site_id = 'attacker', public = ?", (signer.verifier.public,))
    with home.open() as register, pytest.raises(RegisterTamperedError):
        register.verify_log()


def test_an_older_copy_is_found_by_a_checkpoint_that_another_machine_holds(
    home: Home, tmp_path: Path
) -> None:
    """The whole file and the file beside the key are put back as they were yesterday."""
    yesterday = shutil.copytree(home.folder, tmp_path / "yesterday")
    with home.open() as register:
        register.append_event(door_event(at=NOON + 2 * DAY + timedelta(hours=2)))
        register.write_checkpoints()
        elsewhere = register.checkpoints()
    shutil.rmtree(home.folder)
    shutil.copytree(yesterday, home.folder)
    assert home.found() == [], "the copy itself is as it was written"
    assert home.found(*elsewhere) == [("front", 10)]
    with home.open() as register:
        front = next(note for note in elsewhere if "/front\n" in note)
        with pytest.raises(LogAlteredError, match="the log ends at 9"):
            register.check_against(front)
        register.append_event(door_event(at=NOON + 2 * DAY + timedelta(hours=3)))
        assert [each.seq for each in register.verify_log(elsewhere).problems] == [10], (
            "a fork from event 10 on"
        )
        with pytest.raises(LogAlteredError, match="written anew"):
            register.check_against(front)


def test_a_checkpoint_of_another_site_is_no_checkpoint_here(home: Home) -> None:
    with home.open() as register:
        (note, *_) = register.checkpoints()
        register.check_against(note)
        for wrong in ("", note.replace("back", "side"), SiteSigner("other", bytes(32)).sign("a\n")):
            with pytest.raises(InputError, match="no checkpoint"):
                register.check_against(wrong)


# --- erasing, retention, keys, backups ----------------------------------------------------------------------


def test_an_erased_person_leaves_a_log_that_verifies_and_a_signed_receipt(home: Home) -> None:
    with home.open() as register:
        (ada,) = register.people()
        hashes = hashes_of(home)
        receipt = register.erase(ada.person_id)
        assert register.verify_log(register.checkpoints()).problems == ()
        verifier = register.site_verifier()
        front = register.events(door="front")
    assert hashes_of(home)[: len(hashes)] == hashes, "nothing in the chains has changed"
    origin, receipt_id, count, _ = verifier.open(receipt).splitlines()
    # nine events at the front door, a silent one, and that the person was added
    assert (origin, count) == (f"doorward/{verifier.site_id}/erasure", "11")
    assert {event.person_id for event in front} == {receipt_id}
    assert {event.runner_up_id for event in front} == {"b" * 32}, "what is known of another person stays"
    with home.raw() as raw:
        published = [
            json.loads(text) for (text,) in raw.execute("SELECT public FROM events WHERE kind = 'erased'")
        ]
    assert {"event_id": published[-1]["event_id"], "count": 11, "receipt": receipt_id} == published[-1]


def hashes_of(home: Home) -> list[bytes]:
    with home.raw() as raw:
        return [found for (found,) in raw.execute("SELECT hash FROM events ORDER BY event_id")]


def test_retention_deletes_whole_days_and_the_log_still_verifies(home: Home) -> None:
    with home.open() as register:
        checkpoints = register.checkpoints()
        assert register.delete_events(NOON + 2 * DAY, 4) == 4
        assert register.verify_log(checkpoints).problems == (), "a day of which a part is deleted"
        assert register.delete_events(NOON + 2 * DAY, 100) == 6 + 2 + 1 - 4
        assert {event.at.date() for event in register.events()} == {(NOON + 2 * DAY).date()}
        report = register.verify_log(checkpoints)
        assert report.problems == ()
        front = next(each for each in report.chains if each.chain == "front")
        assert (front.events, front.days, front.pruned) == (3, 2, 2)
        assert register.append_event(door_event(at=NOON + 2 * DAY)) > 0
        assert register.delete_events(NOON + 4 * DAY, 100) == 4
        assert register.verify_log(checkpoints).problems == ()
        register.append_event(door_event(at=NOON + 5 * DAY))
        assert [event.seq for event in register.chain_events("front", 0, 9)] == [11]
        assert register.verify_log(checkpoints).problems == ()
    with home.raw() as raw:
        assert raw.execute("SELECT count(*) FROM sealed WHERE chain != 'site'").fetchone() == (0,)


def test_a_deletion_that_pretends_to_be_retention_is_found(home: Home) -> None:
    home.attack(
        "UPDATE segments SET pruned_at = '2026-11-20 00:00:00.000000' WHERE chain = 'front' AND first_seq = 1"
        " AND pruned_at IS NULL",
        "DELETE FROM events WHERE chain = 'front' AND seq <= 3",
    )
    with home.open() as register, pytest.raises(RegisterTamperedError, match="segments"):
        register.verify_log()


def test_a_day_that_was_altered_is_neither_signed_nor_deleted(home: Home) -> None:
    home.attack("UPDATE events SET prev = hash WHERE chain = 'front' AND seq = 8")
    with home.open() as register:
        with pytest.raises(LogAlteredError, match="event 8 of front was changed"):
            register.delete_events(NOON + 9 * DAY, 100)
        assert len(register.events(door="front")) == 9, "evidence stays"
        assert register.events(door="back") == [], "other doors go on"


def test_a_checkpoint_of_deleted_events_is_said_to_tell_nothing(home: Home) -> None:
    with home.open() as register:
        (early,) = [note for note in register.checkpoints() if "/back\n" in note]
        register.append_event(door_event(door="back", at=NOON + timedelta(hours=1)))
        register.delete_events(NOON + 9 * DAY, 100)
        report = register.verify_log([early])
    assert report.problems == ()
    assert [each.chain for each in report.chains if each.not_compared] == ["back"]


def test_after_a_change_of_keys_everything_is_found_and_the_site_s_key_is_the_same(home: Home) -> None:
    with home.open() as register:
        verifier, before = register.site_verifier(), register.events(silent=True)
        (ada,) = register.people()
        old_key = (home.folder / "keys" / "register.key").read_bytes()
        register.rotate_key()
        assert (home.folder / "keys" / "register.key").read_bytes() != old_key
        assert register.site_verifier() == verifier
        assert register.events(silent=True) == before
        assert len(register.events(person_id=ada.person_id)) == 9
        assert register.verify_log(register.checkpoints()).problems == ()
        register.append_event(door_event(at=NOON + 2 * DAY))
        assert register.verify_log().problems == ()
        verifier.open(register.erase(ada.person_id))
    assert home.found() == []


def test_events_are_found_and_written_while_keys_are_changed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.register import rotation

    monkeypatch.setattr(rotation, "SEALED_ROWS", 5)
    with home.open() as register, home.open() as door:
        (ada,) = register.people()
        seen, change = list[int](), rotation.change_rows

        def change_and_write(session: Any) -> bool:
            more = change(session)
            seen.append(len(seen))
            return more

        monkeypatch.setattr("models.register.connection.change_rows", change_and_write)
        end = rotation.end_rotation

        def write_first(session: Any) -> None:
            session.commit()
            raise KeyboardInterrupt

        monkeypatch.setattr("models.register.connection.end_rotation", write_first)
        with pytest.raises(KeyboardInterrupt):
            register.rotate_key()
        door.append_event(door_event(at=NOON + 2 * DAY, person_id=ada.person_id))
        assert len(door.events(person_id=ada.person_id, door="front")) == 10
        assert door.verify_log().problems == ()
        monkeypatch.setattr("models.register.connection.end_rotation", end)
        register.rotate_key()
        assert len(door.events(person_id=ada.person_id, door="front")) == 10
        assert door.verify_log().problems == ()
    assert len(seen) > 5


def test_a_restored_backup_says_so_in_the_log_and_is_found_by_later_checkpoints(home: Home) -> None:
    with home.open() as register:
        register.backup(home.folder / "backup.sqlite")
        register.append_event(door_event(at=NOON + 2 * DAY))
        register.add_person("Grace", [face(3)], "I agree.")
        register.write_checkpoints()
        later = register.checkpoints()
    for suffix in ("-wal", "-shm"):
        home.database.with_name(f"{home.database.name}{suffix}").unlink(missing_ok=True)
    (home.folder / "backup.sqlite").replace(home.database)
    with Register.accept_backup(home.database, KeyFile(home.folder / "keys" / "register.key")) as register:
        assert register.chain_events("site", 0, 100)[-1].detail == "backup_accepted"
        assert register.verify_log().problems == ()
        assert {each.chain for each in register.verify_log(later).problems} == {"front", "site"}


def test_a_door_writes_on_while_the_rest_is_refused(home: Home) -> None:
    with home.open() as door:
        with home.raw() as raw:
            raw.execute("UPDATE state SET key_id = '0123456789abcdef', mac = x'00'")
        with pytest.raises(RegisterError):
            door.people()
        number = door.append_event(door_event(at=NOON + 2 * DAY, detail="the register is refused"))
        with home.raw() as raw:
            (kind,) = raw.execute("SELECT kind FROM events WHERE event_id = ?", (number,)).fetchone()
    assert kind == "decision"


# --- exports and proofs -------------------------------------------------------------------------------------


def test_an_export_is_checked_with_the_public_key_alone(home: Home) -> None:
    with home.open() as register:
        lines, verifier = list(register.export_log()), register.site_verifier()
    report = check_export(lines, SiteVerifier.parse(str(verifier)))
    assert report.problems == ()
    assert report.events == {"back": 2, "front": 9, "front/silent": 1, "site": 4}
    with pytest.raises(ExportError):
        check_export(["{}"], verifier)
    other = check_export(lines, SiteSigner(verifier.site_id, bytes(32)).verifier)
    assert other.problems, "another key signed nothing of it"


@pytest.mark.parametrize("since", [None, "2026-11-03", "2026-11-04"])
def test_whatever_is_changed_or_left_out_in_an_export_is_found(home: Home, since: str | None) -> None:
    with home.open() as register:
        lines, verifier = list(register.export_log("front", since)), register.site_verifier()
    assert check_export(lines, verifier).problems == ()
    events = [at for at, line in enumerate(lines) if '"event":' in line]
    assert len(events) == {None: 9, "2026-11-03": 6, "2026-11-04": 3}[since]
    for at in events:
        record = json.loads(lines[at])
        record["event"]["kind"] = "fault"
        altered = [*lines[:at], json.dumps(record), *lines[at + 1 :]]
        assert check_export(altered, verifier).problems
        assert check_export([*lines[:at], *lines[at + 1 :]], verifier).problems, "left out"
    assert check_export(lines[:-1], verifier).problems, "without the checkpoint"


def test_one_event_is_proven_without_the_others(home: Home) -> None:
    """By the rules of RFC 9162 and the signature, computed here; then what is altered proves nothing."""
    with home.open() as register:
        proofs = [register.prove_event("front", seq) for seq in range(1, 10)]
        verifier = register.site_verifier()
        for seq in (0, 10):
            with pytest.raises(InputError, match=f"front has no event {seq}"):
                register.prove_event("front", seq)
    for proof in proofs:
        record: dict[str, Any] = json.loads(json.dumps(proof))
        text, signature = record["checkpoint"].split("\n\n")
        lines = text.splitlines()
        raw_signature = base64.b64decode(signature.split(" ")[2])[4:]
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(raw_signature, f"{text}\n".encode())
        index, size = record["event"]["seq"] - int(lines[4]), int(lines[1]) - int(lines[4]) + 1
        node = hashlib.sha256(b"\0" + base64.b64decode(record["event"]["hash"])).digest()
        path = [base64.b64decode(each) for each in record["path"]]
        width = size
        while width > 1:
            if index % 2:
                node = hashlib.sha256(b"\1" + path.pop(0) + node).digest()
            elif index + 1 < width:
                node = hashlib.sha256(b"\1" + node + path.pop(0)).digest()
            index, width = index // 2, (width + 1) // 2
        assert (path, base64.b64encode(node).decode()) == ([], lines[2])
        assert check_export([json.dumps(proof)], verifier).problems == ()
        for field, value in (("seq", 4), ("kind", "fault"), ("chain", "back")):
            altered = record | {"event": record["event"] | {field: value}}
            if altered != record:
                assert check_export([json.dumps(altered)], verifier).problems
        swapped = record | {"checkpoint": proofs[(record["event"]["seq"] + 3) % 9]["checkpoint"]}
        assert check_export([json.dumps(swapped)], verifier).problems


def test_an_event_whose_day_was_deleted_cannot_be_proven_any_more(home: Home) -> None:
    with home.open() as register:
        register.delete_events(NOON + 2 * DAY, 100)
        with pytest.raises(InputError, match="event 2 of front was deleted"):
            register.prove_event("front", 2)

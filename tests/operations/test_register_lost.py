"""A register that is held by another process, damaged, refused or without its key, under a running door."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access.display.state import DisplayMode
from models.domain import Contact, DoorInputs, LockState
from models.errors import DoorwardError, EncryptionKeyError, RegisterError, RegisterTamperedError
from models.events import DoorEvent
from models.register.access_records import AccessSnapshot
from models.register.register import Register
from models.rules.door_mode import DoorMode
from models.rules.policy import Policy, Schedule, UnlockTime, Window
from models.rules.request import Lockdown
from models.storage.keys import KeyFile
from tests.access.door import Door, Stand
from tests.operations.real_door import NotedLock, RealDoor, eventually, is_locked

ADA = Stand(1)
CLOSED, OPEN = DoorInputs(contact=Contact.CLOSED), DoorInputs(contact=Contact.OPEN)
ALL_DAY = Schedule("day", ((Window(0, 1440),),) * 7)
UNLOCKED_ALL_DAY = Policy(schedules={"day": ALL_DAY}, unlock_times=(UnlockTime("front", "day"),))

HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(home: Path) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home / "register.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        holder.communicate("")


@pytest.mark.slow
def test_while_another_process_holds_the_register_nobody_gets_in(tmp_path: Path, desk: Register) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door:
        with held_by_another_process(tmp_path):
            assert door.watch_until(lambda: door.loop.failing == "register_fault", ADA)
            fault = door.heard("fault", "register_fault")[0]
            assert "another process holds the register" in fault.detail
            assert not fault.written
            assert door.screen_words() == ("Out of order", "The register cannot be read.")
        assert lock.unlockings == 0
        assert door.watch_until(lambda: lock.unlockings == 1, ADA), "afterwards she gets in"
    granted = next(event for event in desk.events() if event.outcome == "granted")
    assert granted.event_id is not None


@pytest.mark.slow
def test_a_fire_alarm_unlocks_while_another_process_holds_the_register(
    tmp_path: Path, desk: Register
) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door, held_by_another_process(tmp_path):
        lock.set_inputs(DoorInputs(fire=True))
        assert eventually(lambda: lock.state() is LockState.UNLOCKED)
        assert eventually(lambda: door.screen().mode is DisplayMode.FIRE)
        assert eventually(lambda: bool(door.heard("notice", "fire_release_started")))
        lock.set_inputs(DoorInputs(fire=False))
        assert eventually(lambda: lock.state() is LockState.LOCKED)


@pytest.mark.slow
def test_a_database_that_is_damaged_under_the_door_keeps_it_shut(tmp_path: Path, desk: Register) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door:
        for name in ("register.sqlite", "register.sqlite-wal"):
            file = tmp_path / name
            with file.open("r+b") as opened:
                opened.seek(64)
                opened.write(b"\x5a" * (file.stat().st_size - 64))
        assert door.watch_until(lambda: door.loop.failing == "register_fault", ADA)
        assert is_locked(door)
    assert lock.unlockings == 0


def test_the_key_is_needed_to_start_and_not_to_go_on(tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "keys" / "key")
    with Register.open(tmp_path / "r.sqlite", key) as running:
        running.gallery_revision()
        key.path.unlink()
        running.gallery_revision()
        assert running.access_snapshot().people == {}
        with pytest.raises(EncryptionKeyError):
            Register.open(tmp_path / "r.sqlite", key)
    assert not key.path.exists(), "no other key is put in its place"


@pytest.mark.slow
def test_alarms_are_written_though_the_register_is_refused(tmp_path: Path, desk: Register) -> None:
    """Whoever can write the file must not silence the contact."""
    lock = NotedLock()
    lock.set_inputs(CLOSED)
    with RealDoor(tmp_path, lock) as door:
        assert eventually(lambda: is_locked(door))
        with sqlite3.connect(tmp_path / "register.sqlite") as raw:
            raw.execute("UPDATE people SET status = 'suspended' WHERE name = 'Bob'")
            raw.execute("UPDATE state SET gallery_revision = gallery_revision + 1")
        raw.close()
        door.watch.poll()
        with pytest.raises(RegisterTamperedError):
            door.watch.current()
        lock.set_inputs(OPEN)
        assert eventually(lambda: bool(door.heard("alarm", "door_forced")))
        assert door.heard("alarm", "door_forced")[0].written
        door.show(ADA)
        assert door.loop.failing == "register_fault"
    assert lock.unlockings == 0


class DoorWithoutRules(Door):
    """A door whose rules can be lost."""

    lost: DoorwardError | None = None

    def _access(self) -> AccessSnapshot:
        if self.lost is not None:
            raise self.lost
        return super()._access()

    def lose_rules(self) -> None:
        self.lost = self.view_error = RegisterError("the register could not be read for 31 s")

    def find_rules(self) -> None:
        self.lost = self.view_error = None

    def tick(self) -> list[tuple[str, str]]:
        self.clock.sleep(0.2)
        return said(self.loop.tick())


def said(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def test_a_door_unlocked_by_schedule_is_locked_when_the_rules_are_lost_and_unlocked_again() -> None:
    door = DoorWithoutRules(policy=UNLOCKED_ALL_DAY)
    assert door.tick() == [("notice", "unlocked_by_schedule")]
    assert door.lock.state() is LockState.UNLOCKED
    door.lose_rules()
    assert door.tick() == [("notice", "locked_by_schedule"), ("fault", "register_fault")]
    assert door.lock.state() is LockState.LOCKED
    door.find_rules()
    assert door.tick() == [("notice", "unlocked_by_schedule")]
    assert door.lock.state() is LockState.UNLOCKED


def test_a_lockdown_and_an_ordered_fire_release_outlast_the_rules() -> None:
    plan = Lockdown("all", frozenset({"*"}), "", "an intruder", datetime(2025, 1, 1, tzinfo=UTC))
    locked_down, released = DoorWithoutRules(lockdowns=(plan,)), DoorWithoutRules()
    released.fire_doors = frozenset({"front"})
    for door, mode, state in (
        (locked_down, DoorMode.LOCKDOWN, LockState.LOCKED),
        (released, DoorMode.FIRE, LockState.UNLOCKED),
    ):
        door.tick()
        door.lose_rules()
        assert door.tick() == [("fault", "register_fault")]
        assert door.loop.mode is mode
        assert door.lock.state() is state


def test_a_fire_input_unlocks_without_rules_and_its_end_locks() -> None:
    door = DoorWithoutRules()
    door.lose_rules()
    door.tick()
    door.lock.set_inputs(DoorInputs(fire=True))
    assert door.tick() == [("notice", "fire_release_started")]
    assert door.lock.state() is LockState.UNLOCKED
    door.lock.set_inputs(DoorInputs(fire=False))
    assert door.tick() == [("notice", "fire_release_ended")]
    assert door.lock.state() is LockState.LOCKED


@pytest.mark.slow
def test_an_ordered_fire_release_outlasts_the_fire_input(tmp_path: Path, desk: Register) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door:
        desk.set_fire_release("front", True, "the fire brigade asked for it")
        assert eventually(lambda: door.driver.state() is LockState.HELD_UNLOCKED)
        for fire in (True, False):
            lock.set_inputs(DoorInputs(fire=fire))
            assert eventually(lambda fire=fire: door.driver.inputs().fire is fire)
        before = lock.unlockings
        assert eventually(lambda: lock.unlockings > before)
        assert eventually(lambda: door.driver.state() is LockState.HELD_UNLOCKED)

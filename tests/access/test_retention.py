"""What is older than the settings allow is deleted by a door that runs, a little at a time."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from access import retention
from access.retention import delete_old, retention_running
from models.clock import SimulatedClock
from models.errors import RegisterLockedError
from models.register.records import PersonStatus
from models.register.register import Register
from models.settings.storage import StorageSettings
from tests.door_events import door_event
from tests.models.register.faces import face

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    with Register.open(tmp_path / "register.sqlite", bytes(32)) as opened:
        yield opened


def go_on(_seconds: float) -> bool:
    return False


def ages(register: Register) -> list[float]:
    return [(NOW - event.at) / DAY for event in register.events()]


@pytest.mark.parametrize(("days", "left"), [(90, [90, 1]), (30, [1]), (0, [400, 91, 90, 1])])
def test_events_are_kept_for_as_many_days_as_the_settings_say(
    register: Register, days: int, left: list[float]
) -> None:
    for age in (400, 91, 90, 1):
        register.append_event(door_event(at=NOW - age * DAY))
    assert delete_old(register, StorageSettings(events_days=days), NOW, go_on) == 4 - len(left)
    assert ages(register) == left


def test_without_a_setting_events_are_kept_for_90_days_and_changes_for_365() -> None:
    settings = StorageSettings()
    assert (settings.events_days, settings.changes_days) == (90, 365)


def test_changes_have_a_time_of_their_own(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "I agree.")
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    later = datetime.now(UTC) + 366 * DAY
    assert delete_old(register, StorageSettings(changes_days=0, events_days=1), later, go_on) == 0
    assert delete_old(register, StorageSettings(changes_days=367), later, go_on) == 0
    assert delete_old(register, StorageSettings(changes_days=365), later, go_on) == 2
    assert register.changes() == []
    assert [each.name for each in register.people()] == ["Ada"]


def test_many_are_deleted_a_few_at_a_time_and_others_can_write_in_between(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 3)
    for age in range(100, 107):
        register.append_event(door_event(at=NOW - age * DAY))
    left = []

    def write_meanwhile(_seconds: float) -> bool:
        left.append(len([age for age in ages(register) if age > 90]))
        register.append_event(door_event(at=NOW))
        return False

    delete_old(register, StorageSettings(), NOW, write_meanwhile)
    assert left == [4, 1, 0, 0], "three, three, one; and no change"
    assert ages(register) == [0] * 4


def test_it_ends_between_two_chunks_when_the_door_stops(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 1)
    for age in (93, 92, 91):
        register.append_event(door_event(at=NOW - age * DAY))
    delete_old(register, StorageSettings(), NOW, lambda _seconds: True)
    assert ages(register) == [92, 91]


def test_the_oldest_go_first_whatever_order_they_were_written_in(register: Register) -> None:
    for age in (91, 300, 200):
        register.append_event(door_event(at=NOW - age * DAY))
    assert register.delete_events(NOW - 90 * DAY, 2) == 2
    assert ages(register) == [91]


class Failing:
    """Refuses the first calls with `errors`, then has nothing to delete, and says so."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        self.done = threading.Event()

    def delete_events(self, _before: datetime, _limit: int) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return 0

    def delete_changes(self, _before: datetime, _limit: int) -> int:
        self.done.set()
        return 0


def test_a_door_deletes_at_its_start_and_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AFTER_FAILURE_S", 0.0)
    register = Failing([RegisterLockedError("busy"), RuntimeError("unknown")])
    clock = SimulatedClock(NOW)
    with retention_running(register, StorageSettings(), clock):  # type: ignore[arg-type]
        assert register.done.wait(10)
    assert register.errors == []

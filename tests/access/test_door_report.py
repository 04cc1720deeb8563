"""The file in which a kiosk says how its door stands, and when it is no longer believed."""

import json
from pathlib import Path

import pytest

from access.door_report import HEARTBEAT_S, SILENT_S, DoorReport, DoorReportFile, DoorReportReader
from models.clock import SimulatedClock
from models.domain import Contact, DoorInputs, LockState

LOCKED = DoorReport(LockState.LOCKED)
BUSY = DoorReport(
    LockState.JAMMED, DoorInputs(Contact.OPEN, exit_request=True, tamper=True, fire=True), ("lock_jammed",)
)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.mark.parametrize("status", [LOCKED, BUSY])
def test_what_is_written_is_read(tmp_path: Path, clock: SimulatedClock, status: DoorReport) -> None:
    reader = DoorReportReader(tmp_path, clock)
    assert reader.read() == {}
    written = DoorReportFile(tmp_path, "front", clock)
    written.update(LOCKED)
    reader.read()
    clock.sleep(HEARTBEAT_S)
    written.update(status)
    assert reader.read() == {"front": status}


def test_a_file_that_lies_there_is_not_believed_until_it_changes(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    written = DoorReportFile(tmp_path, "front", clock)
    written.update(LOCKED)
    reader = DoorReportReader(tmp_path, clock)
    assert reader.read() == {"front": None}
    clock.sleep(HEARTBEAT_S)
    written.update(LOCKED)
    assert reader.read() == {"front": LOCKED}


def test_a_kiosk_that_falls_silent_is_not_believed(tmp_path: Path, clock: SimulatedClock) -> None:
    written, reader = DoorReportFile(tmp_path, "front", clock), DoorReportReader(tmp_path, clock)
    written.update(LOCKED)
    reader.read()
    for _ in range(20):
        clock.sleep(HEARTBEAT_S)
        written.update(LOCKED)
        assert reader.read() == {"front": LOCKED}
    clock.sleep(SILENT_S - 0.1)
    assert reader.read() == {"front": LOCKED}
    clock.sleep(0.1)
    assert reader.read() == {"front": None}


def test_a_kiosk_that_ends_is_known_at_once_and_may_come_back(tmp_path: Path, clock: SimulatedClock) -> None:
    reader = DoorReportReader(tmp_path, clock)
    for _ in range(2):
        written = DoorReportFile(tmp_path, "front", clock)
        written.update(LOCKED)
        reader.read()
        clock.sleep(HEARTBEAT_S)
        written.update(LOCKED)
        assert reader.read() == {"front": LOCKED}
        written.close()
        written.close()
        assert reader.read() == {"front": None}


def test_the_file_is_written_at_a_change_and_as_a_sign_of_life_only(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    written, path = DoorReportFile(tmp_path, "front", clock), tmp_path / "status" / "front.json"
    counts = []
    for status, pause_s in ((LOCKED, 0.1), (LOCKED, 0.1), (BUSY, HEARTBEAT_S), (BUSY, 0.0)):
        written.update(status)
        counts.append(json.loads(path.read_text())["count"])
        clock.sleep(pause_s)
    assert counts == [1, 1, 2, 3]


def test_a_folder_that_cannot_be_written_does_not_stop_a_door(tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "status").write_text("in the way")
    written = DoorReportFile(tmp_path, "front", clock)
    written.update(LOCKED)
    written.close()
    (tmp_path / "status").unlink()
    written.update(LOCKED)
    assert (tmp_path / "status" / "front.json").exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"lock": "open"}', '{"lock": "locked", "inputs": {}, "problems": []}', "\x00", "null"],
)
def test_what_is_no_status_says_nothing(tmp_path: Path, clock: SimulatedClock, text: str) -> None:
    reader, folder = DoorReportReader(tmp_path, clock), tmp_path / "status"
    folder.mkdir()
    (folder / "front.json").write_text("x")
    (folder / "a#b.json").write_text("x")
    reader.read()
    (folder / "front.json").write_text(text)
    assert reader.read() == {"front": None}


def test_duress_is_no_problem_that_anybody_may_see() -> None:
    with pytest.raises(ValueError, match="duress"):
        DoorReport(LockState.LOCKED, problems=("duress",))

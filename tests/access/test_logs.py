"""How a door logs: decisions as lines or as JSON, colours for terminals alone."""

import json
import re
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
import structlog

from access.kiosk import log_events
from access.logs import configure_logging
from models.errors import CameraLostError
from models.events import DoorEvent
from models.settings.log import LogSettings
from tests.access.door import ADA, Door, Stand


def decisions() -> list[DoorEvent]:
    """A grant to Ada, the lock's answer, and a fault."""
    door = Door()
    return door.watch(Stand(1), frames=3) + door.loop.fault(CameraLostError("no [picture]"))


def test_events_are_logged_as_json_with_the_fields_of_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    events = decisions()
    log_events(events, lambda _event: {ADA: "Ada"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    added = [{name: line.pop(name) for name in ("event", "level", "timestamp")} for line in lines]
    assert lines == [event.to_record() for event in events]
    assert [(each["event"], each["level"]) for each in added] == [
        ("decision", "info"),
        ("decision", "info"),
        ("decision", "warning"),
    ]


@pytest.fixture
def honolulu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's zone is ten hours behind UTC."""
    monkeypatch.setenv("TZ", "HST10")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_console_shows_a_decision_as_replay_does_in_local_time_without_ids(
    capsys: pytest.CaptureFixture[str], honolulu: None
) -> None:
    configure_logging(LogSettings())
    log_events(decisions(), lambda _event: {ADA: "Ada [b]"})
    granted, unlocked, fault = capsys.readouterr().err.splitlines()
    assert granted == "22:00:00 HST  track 1   granted    Ada [b] 1.000, next -0.090, needed 0.500"
    assert unlocked == "22:00:00 HST  track 1   unlocked  Ada [b]"
    assert fault == "22:00:00 HST            fault  The camera is out of order. no [picture]"


def test_a_console_shows_the_time_of_the_sites_zone(
    capsys: pytest.CaptureFixture[str], honolulu: None
) -> None:
    configure_logging(LogSettings(), ZoneInfo("Europe/Berlin"))
    log_events(decisions()[:1])
    structlog.get_logger().info("the door is watched")
    decision, other = capsys.readouterr().err.splitlines()
    assert decision.startswith("09:00:00 CET  track 1")
    assert re.fullmatch(r"\d\d:\d\d:\d\d CES?T \[info\] the door is watched", other)


def test_a_grant_that_could_not_be_acted_on_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning"))
    door = Door()
    door.lock.close()
    log_events(door.watch(Stand(1), frames=3), lambda _event: {ADA: "Ada"})
    (line,) = capsys.readouterr().err.splitlines()
    assert "not_unlocked  Ada. The lock is out of order. " in line


def test_a_person_without_a_name_is_somebody(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings())
    log_events(decisions()[:1])
    line = capsys.readouterr().err
    assert "somebody 1.000" in line
    assert ADA not in line


def test_other_messages_on_a_console_are_short(capsys: pytest.CaptureFixture[str], honolulu: None) -> None:
    configure_logging(LogSettings())
    structlog.get_logger().info("the door is watched", door="front")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d\d:\d\d:\d\d HST \[info\] the door is watched door=front\n", line)


@pytest.mark.parametrize("terminal", [True, False])
def test_colours_are_for_terminals_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    configure_logging(LogSettings())
    log_events(decisions())
    structlog.get_logger().warning("the door is watched", door="front")
    lines = capsys.readouterr().err.splitlines()
    assert [("\x1b[" in line) for line in lines] == [terminal] * 4


def test_the_level_of_the_log_holds_for_decisions_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning"))
    log_events(decisions())
    (line,) = capsys.readouterr().err.splitlines()
    assert "fault" in line

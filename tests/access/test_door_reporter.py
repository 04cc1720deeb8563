"""What a kiosk reports of its door: lock, inputs, and what is wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from access.door_report import HEARTBEAT_S, DoorReport, DoorReportReader
from access.door_reporter import DoorReporter
from access.hardware.driver import LockDriver
from access.hardware.simulated import SimulatedLock
from models.clock import SimulatedClock
from models.domain import Contact, DenyReason, DoorInputs, LockState
from models.errors import LockError
from tests.access.door import Door
from tests.access.integrations.peers import wait_until


class Wired(SimulatedLock):
    """A lock with a door contact, whose cable a test may cut."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(clock)
        self.wired = DoorInputs(Contact.CLOSED)
        self.cut = False

    def state(self) -> LockState:
        if self.cut:
            raise LockError("the cable is cut")
        return super().state()

    def inputs(self) -> DoorInputs:
        return self.wired


class Kiosk:
    """A door, its driver, and who reads what it reports."""

    def __init__(self, home: Path) -> None:
        self.clock = SimulatedClock()
        self.hardware = Wired(self.clock)
        self.driver = LockDriver(self.hardware, self.clock, ack_s=5.0, poll_s=0.002)
        self.loop = Door().loop
        self.reporter = DoorReporter(home, "front", self.loop, self.driver, self.clock)
        self.reader = DoorReportReader(home, self.clock)

    def reported(self) -> DoorReport | None:
        self.clock.sleep(HEARTBEAT_S / 4)
        self.reporter.report()
        return self.reader.read().get("front")

    def reports(self, true: Callable[[DoorReport], bool]) -> None:
        """Wait until what is reported is so."""

        def seen() -> bool:
            report = self.reported()
            return report is not None and true(report)

        wait_until(seen)


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    kiosk = Kiosk(tmp_path)
    yield kiosk
    kiosk.hardware.cut = False
    kiosk.driver.close()


def test_lock_and_inputs_are_reported(kiosk: Kiosk) -> None:
    kiosk.reports(lambda report: report == DoorReport(LockState.LOCKED, DoorInputs(Contact.CLOSED)))
    kiosk.driver.unlock(3600.0)
    kiosk.reports(lambda report: report.lock is LockState.UNLOCKED)
    kiosk.hardware.wired = DoorInputs(Contact.OPEN, tamper=True)
    kiosk.reports(lambda report: report.inputs == DoorInputs(Contact.OPEN, tamper=True))


def test_a_door_that_was_forced_or_cannot_judge_has_a_problem(kiosk: Kiosk) -> None:
    kiosk.reports(lambda report: report.problems == ())
    kiosk.hardware.wired = DoorInputs(Contact.OPEN)
    kiosk.reports(lambda report: report.problems == ("door_forced",))
    kiosk.loop.failing = DenyReason.CAMERA_FAULT
    kiosk.reports(lambda report: report.problems == ("door_forced", "camera_fault"))


def test_of_hardware_that_does_not_answer_nothing_is_known(kiosk: Kiosk) -> None:
    kiosk.reports(lambda report: report.inputs.contact is Contact.CLOSED)
    kiosk.hardware.cut = True
    offline = DoorReport(LockState.UNKNOWN, DoorInputs(), ("hardware_offline",))
    kiosk.reports(lambda report: report == offline)


def test_a_kiosk_that_ends_takes_its_report_along(kiosk: Kiosk) -> None:
    kiosk.reports(lambda report: report.lock is LockState.LOCKED)
    kiosk.reporter.close()
    assert kiosk.reader.read() == {"front": None}

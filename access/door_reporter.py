"""`DoorReporter`: what a kiosk knows of its door, brought together for `doorward sync`."""

from pathlib import Path

from access.door_report import DoorReport, DoorReportFile
from access.doorway import DoorDriver
from access.hardware.door_machine import ALARM_OF, LockStatus
from access.loop import DoorLoop
from models.domain import DoorInputs
from models.ports import Clock


class DoorReporter:
    """Keeps the file of a door up to date. For one thread, which calls `report` at least every few seconds.

    Args:
        home: of the site.
        door: its name.
        loop, lock: of the door.
        clock: of the loop.
    """

    def __init__(self, home: Path, door: str, loop: DoorLoop, lock: DoorDriver, clock: Clock) -> None:
        self._file = DoorReportFile(home, door, clock)
        self._loop, self._lock = loop, lock

    def report(self) -> None:
        """Write how the door stands, if that has changed or is due. Touches no hardware; never raises."""
        status, failing = self._lock.door_status(), self._loop.failing
        # What was wired to hardware that no longer answers is not known.
        inputs = DoorInputs() if status is LockStatus.OFFLINE else self._lock.inputs()
        problems = [str(each) for each in (ALARM_OF.get(status), failing) if each is not None]
        self._file.update(DoorReport(self._lock.state(), inputs, tuple(problems)))

    def close(self) -> None:
        """Say that nothing is known of the door any more. Never raises."""
        self._file.close()

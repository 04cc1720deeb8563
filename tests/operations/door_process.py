"""`run_door`: a `RealDoor` for a process of its own, which a test kills."""

import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from access.hardware.http import HttpBoard
from access.hardware.relay import RelayLock
from access.hardware.serial_board import SerialBoard
from access.record import Audit
from models.clock import SystemClock
from models.events import DoorEvent
from models.settings.lock import HttpLockSettings, SerialLockSettings
from tests.access.door import Stand
from tests.operations.real_door import FRAME_S, RealDoor

ANSWER_S = 2.0
UNLOCK_S = 2.0


class HangingAudit:
    """Writes a grant, says so, and never returns: the moment between grant and unlocking lasts."""

    def __init__(self, audit: Audit, say: Callable[[str], None]) -> None:
        self._audit, self._say = audit, say

    def append(self, event: DoorEvent) -> DoorEvent:
        written = self._audit.append(event)
        if written.outcome == "granted":
            self._say("granted")
            threading.Event().wait()
        return written


class SayingDoor(RealDoor):
    say: Callable[[str], None]

    def hear(self, events: list[DoorEvent]) -> None:
        for event in events:
            self.say(event.outcome)


def relay_lock(named: str) -> RelayLock:
    kind, _, place = named.partition(":")
    clock = SystemClock()
    if kind == "http":
        settings = HttpLockSettings(address=f"http://127.0.0.1:{place}")
        return RelayLock(HttpBoard(settings, clock, answer_s=ANSWER_S), clock)
    return RelayLock(SerialBoard(SerialLockSettings(port=place), answer_s=ANSWER_S), clock)


def run_door(home: Path, lock: str, who: int, hang_after_grant: bool, said: Connection) -> None:
    """Run a door until the process is killed.

    Args:
        home: has the register.
        lock: `http:PORT` or `serial:PATH` of a relay that lives in the test's process.
        who: stands there; 0 for nobody.
        hang_after_grant: whether the door hangs when it has written a grant.
        said: gets `ready`, and the outcome of each event.
    """
    say: Callable[[str], None] = said.send
    door = SayingDoor(
        home,
        relay_lock(lock),
        unlock_s=UNLOCK_S,
        busy_s=5.0,
        audit=(lambda audit: HangingAudit(audit, say)) if hang_after_grant else (lambda audit: audit),
    )
    door.say = say
    stands = [Stand(who)] if who else []
    with door:
        say("ready")
        while True:
            door.show(*stands)
            threading.Event().wait(FRAME_S)

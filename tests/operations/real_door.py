"""`RealDoor`: what a kiosk runs, but for camera and networks: colours in the picture say who stands there."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path

from access.authorise import Authoriser
from access.display.state import DisplayState, DoorView, display_state
from access.display.words import words_of
from access.hardware.door_machine import DoorLimits
from access.hardware.driver import LockDriver
from access.hardware.simulated import SimulatedLock
from access.kiosk import ticking
from access.limits import EvidenceLimits
from access.loop import DoorLoop
from access.record import Audit, RegisterAudit
from access.site_watch import SiteWatch
from access.tracking import Tracker
from models.clock import SystemClock
from models.domain import Frame, LockState
from models.events import DoorEvent
from models.ports import Lock
from models.register.register import Register
from tests.access.door import ColourDetector, Stand, colour_quality, picture
from tests.access.test_locked_out import KEY, RegisterSite

SURE_S = 60.0
"""So long a test waits for what takes a second: a machine of two cores may be busy."""

PATIENT = EvidenceLimits(stale_s=10.0, window_s=20.0)
"""A busy machine must not make pictures too old."""

FRAME_S = 0.05


class RealDoor:
    """The real loop, rules, register and lock driver, in real time. Used as a context manager.

    Args:
        home: has `register.sqlite`.
        lock: the hardware.
        unlock_s: for how long a grant unlocks.
        busy_s: how long the door waits for another writer of the register.
        audit: makes the audit from the register's.
        limits: the times of the door.
    """

    def __init__(
        self,
        home: Path,
        lock: Lock,
        *,
        unlock_s: float = 3.0,
        busy_s: float = 0.2,
        audit: Callable[[Audit], Audit] = lambda audit: audit,
        limits: DoorLimits | None = None,
    ) -> None:
        self._home, self._lock = home, lock
        self._unlock_s, self._busy_s, self._audit, self._limits = unlock_s, busy_s, audit, limits
        self._clock, self._detector = SystemClock(), ColourDetector()
        self._events: list[DoorEvent] = []
        self._stack = ExitStack()

    def __enter__(self) -> "RealDoor":
        path, enter = self._home / "register.sqlite", self._stack.enter_context
        self.register = register = enter(Register.open(path, KEY, busy_timeout_s=self._busy_s))
        self.watch = enter(SiteWatch(RegisterSite(register), self._clock))
        self.driver = LockDriver(self._lock, self._clock, self._limits, ack_s=5.0, close_s=20.0)
        self._stack.callback(self.driver.close)
        self.loop = DoorLoop(
            detector=self._detector,
            tracker=Tracker(),
            checks=[colour_quality],
            door="front",
            limits=PATIENT,
            view=self.watch.current,
            clock=self._clock,
            zone=UTC,
            audit=self._audit(RegisterAudit(register)),
            lock=self.driver,
            unlock_s=self._unlock_s,
            authoriser=Authoriser("front", lambda: self.watch.current().access, register),
            readers=tuple,
            min_box_px=32.0,
            timer=self._clock.monotonic_s,
        )
        enter(ticking(self.loop, self.hear))
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def hear(self, events: list[DoorEvent]) -> None:
        self._events += events

    def show(self, *stands: Stand) -> None:
        """One picture."""
        self._detector.stands = stands
        self.hear(self.loop.step(Frame(picture(stands), self._clock.monotonic_s())))

    def heard(self, outcome: str, reason: str) -> list[DoorEvent]:
        return [each for each in self._events if (each.outcome, str(each.reason)) == (outcome, reason)]

    def watch_until(self, holds: Callable[[], bool], *stands: Stand) -> bool:
        """Show these people until something holds; False when it does not within `SURE_S`."""

        def look() -> bool:
            self.show(*stands)
            return holds()

        return eventually(look)

    def screen(self) -> DisplayState:
        """What the screen shows whoever stands there."""
        view = DoorView("front", self.driver.state(), self.loop.mode, fault=self.loop.failing)
        return display_state((), view, (0, 0))

    def screen_words(self) -> tuple[str, str]:
        """Headline and message on the screen, in English."""
        return words_on(self.screen())


def words_on(state: DisplayState) -> tuple[str, str]:
    """The English headline and message of a state."""
    words = words_of("en")
    message = "" if state.message is None else words["message"][str(state.message)]
    return words["headline"][str(state.mode)], message


def eventually(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + SURE_S
    while not holds():
        if time.monotonic() > ends_s:
            return False
        time.sleep(FRAME_S)
    return True


class NotedLock(SimulatedLock):
    """Counts how often it was told to unlock."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.unlockings = 0

    def unlock(self, seconds: float) -> None:
        self.unlockings += 1
        super().unlock(seconds)


def is_locked(door: RealDoor) -> bool:
    return door.driver.state() is LockState.LOCKED

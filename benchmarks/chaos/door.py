"""The program of one door: `python -m benchmarks.chaos.door HOME DOOR SEED`.

It puts the real parts together as `access.kiosk` does, around a simulated camera, network and lock. The lock
writes a line into a file, synced, before it reports that it is unlocked.
"""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any

from access.authorise import Authoriser
from access.camera_loop import watch_camera
from access.hardware.door_machine import DoorLimits
from access.hardware.driver import LockDriver
from access.hardware.simulated import LockEvent, SimulatedLock
from access.kiosk import ticking
from access.limits import EvidenceLimits
from access.logs import configure_logging
from access.loop import DoorLoop
from access.record import RegisterAudit
from access.signals import stopped_by_signals
from access.site_watch import SiteWatch
from access.thread_errors import ThreadErrors
from access.tracking import Tracker
from benchmarks.chaos.people import (
    MODEL,
    PEOPLE,
    STRANGERS,
    ColourDetector,
    ColourEncoder,
    card_of,
    duress_pin_of,
    good_quality,
    picture_of,
    pin_of,
)
from models.clock import SystemClock
from models.domain import (
    CardShown,
    Contact,
    DoorInputs,
    Frame,
    KeyPressed,
    LockState,
    ScoreKind,
    ScoreScale,
    Shown,
)
from models.events import DoorEvent, NoticeReason
from models.gallery.gallery import Gallery
from models.ports import Clock
from models.register.access_records import AccessSnapshot
from models.register.register import Register
from models.release.store import Release
from models.settings.load import load_settings
from models.site import SiteView, open_register
from tests.thresholds import gallery_thresholds

FRAME_S = 0.1
UNLOCK_S = 1.0
ACK_S = 1.5
"""Longer than a real lock may take: the lock's file is synced, on a disk that others use."""
LIMITS = EvidenceLimits(stale_s=1.0, window_s=2.5, cooldown_s=1.5)
FAULTS = {LockEvent.JAM: LockEvent.CLEAR_JAM, LockEvent.STOP_ANSWERING: LockEvent.COME_BACK}


class ColourSite:
    """A register whose templates are those of `ColourEncoder`: what `SiteWatch` watches."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._encoder = ColourEncoder()

    def gallery_revision(self) -> int:
        """The register's."""
        return self._register.gallery_revision()

    def rules_revision(self) -> int:
        """The register's."""
        return self._register.rules_revision()

    def view(self) -> SiteView:
        """The gallery and the rules as they are now."""
        snapshot = self._register.snapshot("chaos", MODEL)
        gallery = Gallery.build(snapshot.templates, MODEL)
        thresholds = gallery_thresholds(0.5, ScoreScale(ScoreKind.CENTRED, MODEL))
        release = Release("chaos", MODEL, Path("none.onnx"))
        return SiteView(snapshot.gallery_revision, release, self._encoder, gallery, thresholds, self.access())

    def access(self) -> AccessSnapshot:
        """The rules as they are now."""
        return self._register.access_snapshot()


class LoggedLock(SimulatedLock):
    """Writes every unlocking and every fault into a file before anybody hears of it.

    Attributes:
        grant_id: of the grant that is being carried out; None for all else.
    """

    def __init__(self, clock: Clock, path: Path) -> None:
        super().__init__(clock)
        self._wall = clock
        self.grant_id: int | None = None
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def unlock(self, seconds: float) -> None:
        """Unlock, and say so in the file."""
        super().unlock(seconds)
        self.note("unlocked", grant_id=self.grant_id)

    def note(self, what: str, **more: int | None) -> None:
        """Append a line to the file; on return it is on disk."""
        line = json.dumps({"at": self._wall.now().isoformat(), "what": what, **more})
        os.write(self._file, f"{line}\n".encode())
        os.fsync(self._file)


class NotingDriver(LockDriver):
    """Tells the lock which grant it carries out, in the lock's own thread: it is never another one."""

    def __init__(self, lock: LoggedLock, clock: Clock) -> None:
        self._logged = lock
        super().__init__(lock, clock, DoorLimits(held_open_s=2.0), ack_s=ACK_S)

    def _unlock(self, order: Any, seconds: float, grant_id: int | None) -> None:
        self._logged.grant_id = grant_id
        try:
            super()._unlock(order, seconds, grant_id)
        finally:
            self._logged.grant_id = None


class Hardware:
    """Moves the door leaf, and breaks and repairs the lock, at random."""

    def __init__(self, lock: LoggedLock, rng: Random) -> None:
        self._lock, self._rng = lock, rng
        self._leaf: tuple[float, float] | None = None
        self._was_unlocked = False
        self._repair: tuple[float, LockEvent] | None = None
        lock.set_inputs(DoorInputs(Contact.CLOSED))

    def step(self, now: float) -> None:
        """Go on to a moment of the door's clock."""
        unlocked = self._lock.state() is LockState.UNLOCKED
        chance = self._rng.random()
        if self._leaf is None and ((unlocked and not self._was_unlocked and chance < 0.7) or chance < 0.001):
            opens = now + self._rng.uniform(0.2, 0.6)
            self._leaf = opens, opens + self._rng.uniform(0.5, 4.0)
        self._was_unlocked = unlocked
        if self._leaf is not None:
            opened = self._leaf[0] <= now < self._leaf[1]
            pressed = self._rng.random() < 0.02
            self._lock.set_inputs(DoorInputs(Contact.OPEN if opened else Contact.CLOSED, pressed))
            if now >= self._leaf[1]:
                self._leaf = None
        self._break_or_repair(now)

    def _break_or_repair(self, now: float) -> None:
        if self._repair is None and self._rng.random() < 0.006:
            fault = self._rng.choice(list(FAULTS))
            self._lock.note("fault")
            self._lock.inject(fault)
            self._repair = now + self._rng.uniform(0.5, 3.0), FAULTS[fault]
        elif self._repair is not None and now >= self._repair[0]:
            self._lock.inject(self._repair[1])
            self._lock.note("repaired")
            self._repair = None


class Visitors:
    """Who stands at the door and what they show: the camera and the reader of the door."""

    def __init__(self, hardware: Hardware, clock: Clock, rng: Random) -> None:
        self._hardware, self._clock, self._rng = hardware, clock, rng
        self._visits = self._plan()
        self._standing: int | None = None
        self._until_s = 0.0
        self._shown: list[Shown] = []
        self._index = 0

    def __enter__(self) -> "Visitors":
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def read(self) -> Frame:
        """The next picture."""
        self._clock.sleep(FRAME_S)
        now = self._clock.monotonic_s()
        self._hardware.step(now)
        if now >= self._until_s:
            self._standing, seconds, shown = next(self._visits)
            self._until_s = now + seconds
            self._shown += shown
        self._index += 1
        return Frame(picture_of(self._standing), now, self._index)

    def take_shown(self) -> list[Shown]:
        """Cards and keys since the last call."""
        shown, self._shown = self._shown, []
        return shown

    def _plan(self) -> Iterator[tuple[int | None, float, list[Shown]]]:
        rng = self._rng
        while True:
            yield None, rng.uniform(0.1, 0.6), []
            person = rng.randint(1, PEOPLE)
            face = rng.choices((person, rng.choice(STRANGERS), None), (8, 1, 2))[0]
            yield face, rng.uniform(0.6, 2.0), self._credentials(person)

    def _credentials(self, person: int) -> list[Shown]:
        rng, now = self._rng, self._clock.monotonic_s()
        shown: list[Shown] = []
        if rng.random() < 0.5:
            other = rng.randint(1, PEOPLE + 2)  # perhaps somebody else's, or nobody's
            shown.append(CardShown(card_of(rng.choice((person, person, person, other))), now))
        if rng.random() < 0.7:
            pins = pin_of(person), duress_pin_of(person), f"{rng.randrange(10**6):06}"
            (pin,) = rng.choices(pins, (7, 2, 2))
            shown += [KeyPressed(key, now) for key in f"{pin}#"]
        return shown


def _ignore(_events: list[DoorEvent]) -> None:
    """The register has them."""


def run_door(home: Path, door: str, seed: int) -> None:
    """Run a door until a signal stops it."""
    settings, clock, rng = load_settings(home), SystemClock(), Random(seed)
    configure_logging(settings.log)
    lock = LoggedLock(clock, home / f"lock-{door}.jsonl")
    visitors = Visitors(Hardware(lock, rng), clock, rng)
    driver = NotingDriver(lock, clock)
    try:
        with (
            stopped_by_signals() as stop,
            ThreadErrors() as threads,
            open_register(settings, actor=f"door:{door}") as register,
            SiteWatch(ColourSite(register), clock) as watch,
        ):
            loop = DoorLoop(
                detector=ColourDetector(),
                tracker=Tracker(),
                checks=[good_quality],
                door=door,
                limits=LIMITS,
                view=watch.current,
                clock=clock,
                zone=UTC,
                audit=RegisterAudit(register),
                lock=driver,
                unlock_s=UNLOCK_S,
                authoriser=Authoriser(door, lambda: watch.current().access, register),
                readers=visitors.take_shown,
                min_box_px=32.0,
                timer=clock.monotonic_s,
            )
            with ticking(loop, _ignore):
                watch_camera(
                    lambda: visitors,
                    loop,
                    stop,
                    _ignore,
                    lambda: _ignore(loop.notice(NoticeReason.KIOSK_STARTED)),
                    on_turn=lambda _trouble, _frame: threads.raise_first(),
                )
            loop.notice(NoticeReason.KIOSK_STOPPED)
    finally:
        driver.close()


if __name__ == "__main__":
    run_door(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

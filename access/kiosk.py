"""The daemon of one door: composes the real parts and keeps them going until it is told to stop.

A camera in trouble is a fault of the door and no reason to end: the door stays shut and the camera is opened
again. Anything that has no name in `models.errors` ends the process; the door is locked on the way out, and
whoever supervises the process starts it anew.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from access.assembly import build_loop
from access.cameras import open_camera
from access.cameras.newest import reconnect_delay_s
from access.hardware import open_lock
from access.logs import configure_logging
from access.loop import DoorLoop
from access.record import RegisterAudit
from access.site_watch import SiteWatch
from models.clock import SystemClock
from models.domain import Frame
from models.errors import CameraError, DoorwardError, error_record
from models.events import DoorEvent
from models.ports import Camera
from models.settings.load import load_settings
from models.settings.log import LogSettings
from models.settings.settings import Settings
from models.site import open_site

FAULT_SLICE_S = 1.0
"""While a camera is away the loop hears of it this often, so that it knows the fault for the same."""

log = structlog.get_logger(__name__)

OnEvents = Callable[[list[DoorEvent]], None]


def run_kiosk(settings: Settings, stop: threading.Event, on_events: OnEvents | None = None) -> None:
    """Watch the configured camera and open the configured lock until `stop` is set or the camera ends.

    Args:
        settings: of this door.
        stop: set by a signal, or by a test.
        on_events: hears the events of every frame, after they were written and acted on; default: logs them.

    Raises:
        DoorwardError: the door cannot begin: no weights, no register, a wrong key, an altered release.
    """
    clock = SystemClock()
    lock = open_lock(settings.lock, clock)
    try:
        with (
            open_site(settings, create=True) as site,
            SiteWatch(site.register.gallery_revision, site.view, clock) as watch,
        ):
            audit = RegisterAudit(site.register)
            loop = build_loop(site, watch.current, clock, audit, lock)
            log.info("the door is watched", door=settings.door.id, release=watch.current().release.release_id)
            watch_camera(
                lambda: open_camera(settings.camera, clock),
                loop,
                stop,
                log_events if on_events is None else on_events,
            )
    finally:
        lock.close()  # locks, whatever happened
        log.info("the door is locked", door=settings.door.id)


def watch_camera(
    connect: Callable[[], Camera], loop: DoorLoop, stop: threading.Event, on_events: OnEvents
) -> None:
    """Feed a camera's frames to the loop until `stop` is set or the camera has ended; reconnect in between.

    Args:
        connect: makes the camera, not opened yet.
        loop: of the door.
        stop: ends it at the next frame.
        on_events: hears the events of every frame, of which there are mostly none.
    """
    attempt = 0
    ended = False
    while not (ended or stop.is_set()):
        try:
            with connect() as camera:
                attempt = 0
                for frame in _frames(camera, loop, stop, on_events):
                    on_events(loop.step(frame))
                ended = True
        except CameraError as error:
            for _ in range(math.ceil(reconnect_delay_s(attempt) / FAULT_SLICE_S)):
                on_events(loop.fault(error))
                if stop.wait(FAULT_SLICE_S):
                    break
            attempt += 1
    on_events(loop.finish())


def _frames(camera: Camera, loop: DoorLoop, stop: threading.Event, on_events: OnEvents) -> Iterator[Frame]:
    while not stop.is_set():
        try:
            frame = camera.read()
        except CameraError as error:  # the camera reconnects by itself and says when it is back
            on_events(loop.fault(error))
            continue
        if frame is None:
            return
        yield frame


def log_events(events: list[DoorEvent]) -> None:
    """Log what was decided: grants and denials as information, faults as warnings."""
    for event in events:
        write = log.warning if event.outcome == "fault" else log.info
        write("decision", **event.to_record())


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set while inside, instead of ending the process halfway."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> int:
    """Run the door that the environment names (`DOORWARD_HOME`); the exit status."""
    configure_logging(LogSettings())
    try:
        settings = load_settings()
        configure_logging(settings.log)
        with stopped_by_signals() as stop:
            run_kiosk(settings, stop)
    except DoorwardError as error:
        log.error("the door cannot begin", **error_record(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`run_kiosk`: the program of one door: puts the real parts together and keeps them going until stopped.

A camera in trouble is a fault of the door and no reason to end: the door stays shut and the camera is opened
again. Anything that has no name in `models.errors`, in whichever thread, ends the process; the door is locked
on the way out, and whoever supervises the process starts it anew.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog

from access.assembly import build_loop
from access.authorise import Authoriser
from access.cameras import open_camera
from access.cameras.newest import reconnect_delay_s
from access.hardware import open_lock
from access.hardware.door_machine import DoorLimits
from access.hardware.driver import LockDriver
from access.logs import EVENT_KEY, configure_logging
from access.loop import DoorLoop
from access.record import RegisterAudit
from access.retention import retention_running
from access.service_manager import ServiceManager
from access.site_watch import SiteWatch
from access.thread_errors import ThreadErrors
from models.clock import SystemClock
from models.domain import Frame, PersonId
from models.errors import CameraAbsentError, CameraError, ConfigError, DoorwardError, error_record
from models.events import FAILURES, DoorEvent
from models.ports import Camera, Clock
from models.register.register import Register
from models.settings.camera import DeviceCameraSettings, StreamCameraSettings
from models.settings.load import load_settings
from models.settings.log import LogSettings
from models.settings.settings import Settings
from models.site import open_site
from models.storage.single import single_run_lock

FAULT_SLICE_S = 1.0
"""While a camera is away its fault is repeated this often, so that the loop counts it as one that goes on."""

TICK_S = 0.2
"""Between two looks at the door itself: its contact, cards and keys, schedules, lockdowns."""

LONGEST_WAIT_PER_LOST_S = 4.0
"""Closing a camera whose driver hangs and opening it anew take up to 2 x `camera.lost_s` each."""

RECORDINGS = frozenset({"clip", "folder"})
"""Kinds of cameras that are files: one that is absent will not come, so trying again is of no use."""

log = structlog.get_logger(__name__)

OnEvents = Callable[[list[DoorEvent]], None]
OnTurn = Callable[[CameraError | None], None]
"""Called after every frame that was judged (None) and every fault of the camera that was recorded."""


def run_kiosk(settings: Settings, stop: threading.Event, on_events: OnEvents | None = None) -> None:
    """Watch the configured camera and open the configured lock until `stop` is set or the camera ends.

    Args:
        settings: of this door.
        stop: set by a signal, or by a test.
        on_events: hears the events of every frame, after they were written and acted on; default: logs them.

    Raises:
        AlreadyRunningError: another kiosk of this door runs on this home.
        CameraAbsentError: the clip or folder that is to be shown is not there.
        ConfigError: the service's watchdog has less patience than the settings of the camera.
        LockError: at the end the lock did not confirm that it is locked.
        DoorwardError: the door cannot begin: no weights, no register, a wrong key, an altered release.
        RuntimeError: a thread has died of an error without a type, which is the cause.
    """
    door, watched, clock = settings.door.id, threading.Event(), SystemClock()
    service = ServiceManager(clock)
    _check_watchdog(service, settings)
    taken = (
        f"another kiosk of the door {door} runs on {settings.home}: stop it, or give this one another "
        "door.id or another --home"
    )
    with single_run_lock(settings.home / f"kiosk-{door}.lock", taken), ThreadErrors() as threads:
        if settings.camera.kind == "synthetic":
            log.warning("the camera is synthetic: nobody real is seen", advice="set camera.source")

        def on_turn(trouble: CameraError | None) -> None:
            threads.raise_first()
            service.alive(f"the door {door} is watched" if trouble is None else str(trouble))

        lock = LockDriver(
            open_lock(settings.lock, clock), clock, DoorLimits.of(settings.door, settings.lock.without_power)
        )
        try:
            if _watch_door(
                settings, clock, lock, stop=stop, watched=watched, on_events=on_events, on_turn=on_turn
            ):
                log.info(f"the {settings.camera.kind} has ended", door=door)
            threads.raise_first()
        finally:
            service.stopping()
            lock.close()  # locks, whatever happened
            if watched.is_set() or stop.is_set():  # a door that could not begin has only its error to report
                log.info("the door is locked", door=door)


def _check_watchdog(service: ServiceManager, settings: Settings) -> None:
    """Refuse a watchdog that would end a door which merely waits for its camera. Raises ConfigError."""
    if service.watchdog_s is None or not isinstance(
        settings.camera, DeviceCameraSettings | StreamCameraSettings
    ):
        return
    wait_s = LONGEST_WAIT_PER_LOST_S * settings.camera.lost_s
    if service.watchdog_s <= wait_s:
        raise ConfigError(
            f"the service's WatchdogSec is {service.watchdog_s:g} s, but with camera.lost_s = "
            f"{settings.camera.lost_s:g} waiting for the camera may take {wait_s:g} s: raise WatchdogSec or "
            "lower camera.lost_s"
        )


def _watch_door(
    settings: Settings,
    clock: Clock,
    lock: LockDriver,
    *,
    stop: threading.Event,
    watched: threading.Event,
    on_events: OnEvents | None,
    on_turn: OnTurn,
) -> bool:
    """Run the door's loop; True when the camera has ended. Sets `watched` at the first frame."""
    with (
        open_site(settings, create=True, actor=f"door:{settings.door.id}") as site,
        retention_running(site.register, settings.storage, clock),
        SiteWatch(site, clock) as watch,
    ):

        def on_first_frame() -> None:
            watched.set()
            release_id = watch.current().release.release_id
            log.info("the door is watched", door=settings.door.id, release=release_id)
            record = site.register.release_record(release_id)
            if record is not None and record.override_reason is not None:
                log.warning(
                    "the release in use was not let through by the gate",
                    release=release_id,
                    reason=record.override_reason,
                )

        hear = on_events or partial(log_events, names_of=partial(look_up_names, site.register))
        rules = Authoriser(settings.door.id, lambda: watch.current().access, site.register)
        audit = RegisterAudit(site.register)
        loop = build_loop(site, watch.current, clock, audit=audit, lock=lock, authoriser=rules)
        with ticking(loop, hear):
            return watch_camera(
                lambda: open_camera(settings.camera, clock),
                loop,
                stop,
                hear,
                on_first_frame,
                on_turn=on_turn,
                retry_absent=settings.camera.kind not in RECORDINGS,
            )


@contextmanager
def ticking(loop: DoorLoop, on_events: OnEvents) -> Iterator[None]:
    """See to the door in a thread of its own while inside: a camera that is silent holds up no lockdown."""
    ended = threading.Event()

    def tick_on() -> None:
        while not ended.wait(TICK_S):
            on_events(loop.tick())

    thread = threading.Thread(target=tick_on, name="door-tick", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def watch_camera(
    connect: Callable[[], Camera],
    loop: DoorLoop,
    stop: threading.Event,
    on_events: OnEvents,
    on_first_frame: Callable[[], None] = lambda: None,
    *,
    on_turn: OnTurn = lambda _trouble: None,
    retry_absent: bool = True,
) -> bool:
    """Feed a camera's frames to the loop until `stop` is set or the camera has ended; reconnect in between.

    Args:
        connect: makes the camera, not opened yet.
        loop: of the door.
        stop: ends it at the next frame.
        on_events: hears the events of every frame, of which there are mostly none.
        on_first_frame: called once, when the camera has delivered its first frame.
        on_turn: called after every frame and every fault of the camera; what it raises goes to the caller.
        retry_absent: try again when the camera cannot be opened; a recording that is not there does not come.

    Returns:
        True when the camera has ended, False when `stop` was set.

    Raises:
        CameraAbsentError: the camera cannot be opened, and `retry_absent` is False.
    """

    def in_trouble(error: CameraError) -> bool:
        """Record the fault and wait; True when the door is to stop."""
        on_events(loop.fault(error))
        on_turn(error)
        return stop.wait(FAULT_SLICE_S)

    attempt, seen, ended = 0, False, False
    while not (ended or stop.is_set()):
        try:
            with connect() as camera:
                attempt = 0
                for frame in _frames(camera, stop, in_trouble):
                    if not seen:
                        seen = True
                        on_first_frame()
                    on_events(loop.step(frame))
                    on_turn(None)
                ended = not stop.is_set()
        except CameraError as error:
            if isinstance(error, CameraAbsentError) and not retry_absent:
                raise
            for _ in range(math.ceil(reconnect_delay_s(attempt) / FAULT_SLICE_S)):
                if in_trouble(error):
                    break
            attempt += 1
    on_events(loop.finish())
    return ended


def _frames(
    camera: Camera, stop: threading.Event, in_trouble: Callable[[CameraError], object]
) -> Iterator[Frame]:
    while not stop.is_set():
        try:
            frame = camera.read()
        except CameraError as error:  # the camera reconnects by itself and says when it is back
            in_trouble(error)
            continue
        if frame is None:
            return
        yield frame


def look_up_names(register: Register, event: DoorEvent) -> dict[PersonId, str]:
    """The name of the person in an event; nothing when it cannot be read now, since the door must go on."""
    try:
        return {} if event.person_id is None else {event.person_id: register.person(event.person_id).name}
    except DoorwardError:
        return {}


NamesOf = Callable[[DoorEvent], Mapping[PersonId, str]]


def log_events(events: list[DoorEvent], names_of: NamesOf = lambda _event: {}) -> None:
    """Log what was decided: what failed as warnings, all else as information.

    Args:
        events: of one frame.
        names_of: the names of the people in an event, for the log that people read.
    """
    for event in events:
        write = log.warning if event.outcome in FAILURES else log.info
        write("decision", **{EVENT_KEY: event}, names=names_of(event))


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
        configure_logging(settings.log, settings.site.time_zone)
        with stopped_by_signals() as stop:
            run_kiosk(settings, stop)
    except DoorwardError as error:
        log.error("the door cannot begin", **error_record(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

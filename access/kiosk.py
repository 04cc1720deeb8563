"""`run_kiosk`: the program of one door: puts the real parts together and keeps them going until stopped.

A camera in trouble is a fault of the door and no reason to end: the door stays shut and the camera is opened
again. Anything that has no name in `models.errors`, in whichever thread, ends the process; the door is locked
on the way out, and whoever supervises the process starts it anew.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress

import structlog

from access.assembly import build_loop
from access.authorise import Authoriser
from access.camera_loop import OnEvents, watch_camera
from access.cameras import open_camera
from access.display.feed import DisplayFeed
from access.display.reporter import DisplayReporter
from access.display.wire import socket_path
from access.door_reporter import DoorReporter
from access.doorway import DoorDriver
from access.hardware import open_lock
from access.hardware.door_machine import DoorLimits
from access.hardware.driver import LockDriver
from access.hardware.panel import PanelDriver, open_panel
from access.hardware.readers import open_reader
from access.logs import EVENT_KEY, configure_logging
from access.loop import DoorLoop
from access.metrics import KioskMetrics, Readings
from access.metrics_server import metrics_running
from access.readers import ReaderWatch
from access.record import RegisterAudit
from access.retention import retention_running
from access.service_manager import ServiceManager
from access.signals import stopped_by_signals
from access.site_watch import SiteWatch
from access.thread_errors import ThreadErrors
from models.clock import SystemClock
from models.domain import Frame, PersonId
from models.errors import CameraError, ConfigError, DoorwardError, RegisterError, error_record
from models.events import FAILURES, DoorEvent, EventKind, NoticeReason
from models.ports import Clock, Reader
from models.register.register import Register
from models.settings.camera import DeviceCameraSettings, StreamCameraSettings
from models.settings.load import load_settings
from models.settings.log import LogSettings
from models.settings.settings import Settings
from models.site import Site, open_site
from models.storage.single import single_run_lock

TICK_S = 0.2
"""Between two looks at the door itself: its contact, cards and keys, schedules, lockdowns."""

LONGEST_WAIT_PER_LOST_S = 4.0
"""Closing a camera whose driver hangs and opening it anew take up to 2 x `camera.lost_s` each."""

RECORDINGS = frozenset({"clip", "folder"})
"""Kinds of cameras that are files: one that is absent will not come, so trying again is of no use."""

log = structlog.get_logger(__name__)


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
    door, clock = settings.door.id, SystemClock()
    service = ServiceManager(clock)
    _check_watchdog(service, settings)
    taken = (
        f"another kiosk of the door {door} runs on {settings.home}: stop it, or give this one another "
        "door.id or another --home"
    )
    with single_run_lock(settings.home / f"kiosk-{door}.lock", taken), ThreadErrors() as threads:
        if settings.camera.kind == "synthetic":
            log.warning("the camera is synthetic: nobody real is seen", advice="set camera.source")
        watched, doors = threading.Event(), ExitStack()
        try:
            lock = None if settings.panel.kind != "none" else _own_lock(settings, clock, doors)
            with ExitStack() as stack:
                running = _RunningDoor(settings, clock, lock, stack, on_events)
                running.on_turn = (threads.raise_first, service.alive)
                if running.watch(stop, watched):
                    log.info(f"the {settings.camera.kind} has ended", door=door)
            threads.raise_first()
        finally:
            service.stopping()
            doors.close()  # locks, whatever happened
            if watched.is_set() or stop.is_set():  # a door that could not begin has only its error to report
                log.info("the door is locked", door=door)


def _own_lock(settings: Settings, clock: Clock, doors: ExitStack) -> LockDriver:
    """The door's lock, which `doors` closes."""
    limits = DoorLimits.of(settings.door, settings.lock.without_power)
    lock = LockDriver(open_lock(settings.lock, clock), clock, limits)
    doors.callback(lock.close)
    return lock


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


class _RunningDoor:
    """The parts of a door that runs, and what is told of every turn of its loop.

    Args:
        settings: of the door.
        clock: the system's.
        lock: of the door; None where a panel decides.
        stack: closes the parts at the end.
        on_events: hears the events instead of the log; None for the log.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        lock: LockDriver | None,
        stack: ExitStack,
        on_events: OnEvents | None,
    ) -> None:
        self._settings, self._clock, self._given = settings, clock, on_events
        door = settings.door.id
        self._site: Site = stack.enter_context(open_site(settings, create=True, actor=f"door:{door}"))
        register = self._site.register
        stack.enter_context(retention_running(register, settings.storage, clock))
        self._site_watch = stack.enter_context(SiteWatch(self._site, clock))
        driver: DoorDriver = lock or self._panel_driver(stack)
        readings = Readings(driver, self._revisions)
        self._metrics: KioskMetrics = stack.enter_context(metrics_running(settings, clock, readings))
        feed = stack.enter_context(
            DisplayFeed(socket_path(settings.display, settings.home, door), clock, door)
        )
        self._reader = self._card_reader(stack)
        reader = self._reader
        self._loop = build_loop(
            self._site,
            self._site_watch.current,
            clock,
            audit=RegisterAudit(register),
            lock=driver,
            authoriser=Authoriser(door, lambda: self._site_watch.current().access, register),
            readers=feed.keys if reader is None else lambda: [*feed.keys(), *reader.read()],
            more_changes=tuple if reader is None else reader.take_changes,
        )
        self._report = stack.enter_context(
            closing(DoorReporter(settings.home, door, self._loop, driver, clock))
        )
        zone = settings.site.time_zone
        self._display = DisplayReporter(
            feed,
            self._loop,
            driver,
            door=door,
            time_zone="" if zone is None else zone.key,
            clock=clock,
            name_of=self._greeting if settings.display.show_name else lambda _person_id: None,
        )
        self._greeted: tuple[PersonId, str | None] | None = None
        self.on_turn: tuple[Callable[[], None], Callable[[str], None]] = (lambda: None, lambda _status: None)
        """Called after every turn: raises the error of a thread that died, tells the service manager."""

    def _panel_driver(self, stack: ExitStack) -> PanelDriver:
        """Another access control panel decides: it gets the card number of whoever is granted."""
        register = self._site.register
        panel = open_panel(self._settings.panel)
        assert panel is not None, "only called where the settings name a panel"  # noqa: S101

        def card_number_of(event_id: int) -> str | None:
            event = register.event(event_id)
            cards = [] if event is None else register.cards(event.person_id)
            return cards[0].number if cards else None

        return PanelDriver(stack.enter_context(panel), card_number_of, self._clock)

    def _card_reader(self, stack: ExitStack) -> ReaderWatch | None:
        """The door's card reader or keypad; None where there is none."""
        settings, clock = self._settings.reader, self._clock
        if settings.kind == "none":
            return None

        def make() -> Reader:
            reader = open_reader(settings, clock)
            assert reader is not None, "only of kind none there is none"  # noqa: S101
            return reader

        return stack.enter_context(ReaderWatch(make, clock))

    def watch(self, stop: threading.Event, watched: threading.Event) -> bool:
        """Run the door's loop until `stop` is set; True when the camera has ended.

        Args:
            stop: set by a signal.
            watched: is set at the first frame.
        """
        settings = self._settings

        def on_first_frame() -> None:
            watched.set()
            self._first_frame()

        with ticking(self._loop, self._hear):
            ended = watch_camera(
                lambda: open_camera(settings.camera, self._clock),
                self._loop,
                stop,
                self._hear,
                on_first_frame,
                on_turn=self._turn,
                retry_absent=settings.camera.kind not in RECORDINGS,
            )
        if watched.is_set():
            self._hear(self._loop.notice(NoticeReason.KIOSK_STOPPED))
            self._sign_log()
        return ended

    def _sign_log(self) -> None:
        """Sign the end of this door's event chains."""
        register, door = self._site.register, self._settings.door.id
        with suppress(RegisterError):  # the next start signs it
            register.write_checkpoints(
                [chain for chain in register.chains() if chain.partition("/")[0] == door]
            )

    def _first_frame(self) -> None:
        door, release_id = self._settings.door.id, self._site_watch.current().release.release_id
        log.info("the door is watched", door=door, release=release_id)
        self._hear(self._loop.notice(NoticeReason.KIOSK_STARTED))
        record = self._site.register.release_record(release_id)
        if record is not None and record.override_reason is not None:
            log.warning(
                "the release in use was not let through by the gate",
                release=release_id,
                reason=record.override_reason,
            )

    def _turn(self, trouble: CameraError | None, frame: Frame | None) -> None:
        raise_first, say = self.on_turn
        raise_first()
        say(f"the door {self._settings.door.id} is watched" if trouble is None else str(trouble))
        self._metrics.turn(None if self._loop.failing is None else str(self._loop.failing))
        self._display.show(frame)
        self._report.report()

    def _hear(self, events: list[DoorEvent]) -> None:
        self._metrics.count(events)
        if self._reader is not None:
            for event in events:
                if event.kind is EventKind.DECISION:
                    self._reader.answer(granted=event.outcome == "granted")
        if self._given is not None:
            self._given(events)
        else:
            log_events(events, lambda event: look_up_names(self._site.register, event))

    def _revisions(self) -> dict[str, int]:
        view = self._site_watch.current()
        return {"gallery": view.revision, "rules": view.access.revision}

    def _greeting(self, person_id: PersonId) -> str | None:
        """The name of whoever is let in; asked for at every frame of a visit, looked up once."""
        if self._greeted is None or self._greeted[0] != person_id:
            try:
                self._greeted = person_id, self._site.register.person(person_id).name
            except DoorwardError:  # a greeting is not worth a fault
                return None
        return self._greeted[1]


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

"""`demo_door`, `keep_open`: a door of the demo in real time, with the display that stands beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from access.assembly import build_loop
from access.authorise import Authoriser
from access.cameras.synthetic import SyntheticCamera
from access.demo.acts import site_of
from access.display.client import FeedClient
from access.display.display_page import THREADS, create_app
from access.display.feed import DisplayFeed
from access.display.page_server import listen_on, serve
from access.display.reporter import DisplayReporter
from access.hardware.direct import DirectDriver
from access.hardware.simulated import SimulatedLock
from access.loop import DoorLoop
from access.record import RegisterAudit
from access.site_watch import SiteWatch
from models.domain import Frame, LockState
from models.errors import DoorwardError
from models.events import DoorEvent
from models.ports import Clock
from models.settings.display import DisplaySettings
from models.site import Site
from models.synthetic.scene import Scene

DISPLAY = DisplaySettings(languages=("en", "de"), help_text="This is a demo: nobody can help")

Show = Callable[[Frame, DoorLoop, LockState, list[DoorEvent]], None]


@dataclass(frozen=True, slots=True)
class DemoDoor:
    """A door that runs.

    Attributes:
        loop, lock: of the door.
        reporter: tells its display.
        address: of the display's page.
        threshold: the score that opens it.
    """

    loop: DoorLoop
    lock: DirectDriver
    reporter: DisplayReporter
    address: str
    threshold: float


@contextmanager
def demo_door(site: Site, door: str, clock: Clock) -> Iterator[DemoDoor]:
    """A door with a simulated lock and a real display; changes of the register reach it while it runs.

    Args:
        site: the demo's.
        door: the door's name.
        clock: the system's.
    """
    of_door = site_of(site, door)
    path = site.settings.home / f"display-{door}.sock"

    def name_of(person_id: str) -> str | None:
        try:
            return site.register.person(person_id).name  # type: ignore[arg-type]
        except DoorwardError:
            return None

    with (
        SiteWatch(of_door, clock) as watch,
        DisplayFeed(path, clock, door) as feed,
        listen_on(0, "stop another program") as listener,
        FeedClient(path, door) as client,
        serve(create_app(client, DISPLAY), listener, threads=THREADS) as address,
    ):
        lock = DirectDriver(SimulatedLock(clock), clock)
        loop = build_loop(
            of_door,
            watch.current,
            clock,
            audit=RegisterAudit(site.register),
            lock=lock,
            authoriser=Authoriser(door, lambda: watch.current().access, site.register),
            readers=feed.keys,
        )
        zone = site.settings.site.time_zone
        reporter = DisplayReporter(
            feed,
            loop,
            lock,
            door=door,
            time_zone="" if zone is None else zone.key,
            clock=clock,
            name_of=name_of,
        )
        try:
            yield DemoDoor(loop, lock, reporter, address, watch.current().threshold.value)
        finally:
            lock.close()


def keep_open(door: DemoDoor, scene: Scene, clock: Clock, stopped: Callable[[], bool], show: Show) -> None:
    """Let people come in real time, again and again, until `stopped` says so.

    Args:
        door: to which they come.
        scene: who comes when.
        clock: the system's.
        stopped: asked at every frame.
        show: is handed every frame with the loop after it, the lock's state, and what was decided.
    """
    with SyntheticCamera(scene, clock, repeat=True) as camera:
        while not stopped() and (frame := camera.read()) is not None:
            events = door.loop.step(frame)
            door.reporter.show(frame)
            show(frame, door.loop, door.lock.state(), events)

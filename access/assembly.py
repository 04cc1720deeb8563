"""`build_loop`, `build_open_loop`: put a door's parts together, for kiosk, clips and demo."""

from collections.abc import Callable, Sequence

from access.authorise import Authoriser
from access.doorway import DoorDriver
from access.hardware.direct import DirectDriver
from access.hardware.door_machine import DoorChange
from access.hardware.simulated import SimulatedLock
from access.limits import evidence_limits
from access.loop import DoorLoop
from access.memory_access import MemoryAccess, open_access
from access.observation import quality_check
from access.record import Audit
from access.tracking import Tracker
from models.clock import SystemClock
from models.domain import Shown
from models.ports import Clock
from models.site import Site, SiteView
from models.vision.quality import QualityLimits


def build_loop(
    site: Site,
    view: Callable[[], SiteView],
    clock: Clock,
    *,
    audit: Audit,
    lock: DoorDriver,
    authoriser: Authoriser,
    readers: Callable[[], Sequence[Shown]] = tuple,
    more_changes: Callable[[], Sequence[DoorChange]] = tuple,
) -> DoorLoop:
    """The door's loop with the site's detector and settings.

    Args:
        site: where the detector and the settings come from.
        view: the release and gallery in force.
        clock: the one that stamps the frames; stages are always measured by the system's.
        audit: where decisions are written.
        lock: what opens.
        authoriser: the rules at the door.
        readers: called for every frame: cards and keys since the last call.
        more_changes: the same for alarms of other hardware than the lock's.
    """
    settings = site.settings
    return DoorLoop(
        detector=site.detector,
        tracker=Tracker(),
        checks=[quality_check(QualityLimits(**settings.quality.model_dump()))],
        door=settings.door.id,
        limits=evidence_limits(settings),
        view=view,
        clock=clock,
        zone=settings.site.time_zone,
        audit=audit,
        lock=lock,
        unlock_s=settings.door.unlock_s,
        min_box_px=settings.detector.min_box_px,
        timer=SystemClock().monotonic_s,
        authoriser=authoriser,
        readers=readers,
        more_changes=more_changes,
    )


def build_open_loop(site: Site, clock: Clock, audit: Audit) -> tuple[DoorLoop, DirectDriver]:
    """A loop and its simulated lock for a recording: everybody enrolled may pass, and no rule is asked.

    Args:
        site: as it is now.
        clock: the recording's.
        audit: where decisions are written.
    """
    view = site.view()
    lock = DirectDriver(SimulatedLock(clock), clock)
    everybody = open_access(view.gallery.people)
    rules = Authoriser(site.settings.door.id, lambda: everybody, MemoryAccess())
    return build_loop(site, lambda: view, clock, audit=audit, lock=lock, authoriser=rules), lock

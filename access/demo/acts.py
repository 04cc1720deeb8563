"""`play_acts`: what the rules and the door's hardware do, one short scene after the other, at two doors.

Camera, lock, keypad and contact are simulated, and so is the time of day. Recognition, rules, register, the
door's state machine and the events are the real ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from access.assembly import build_loop
from access.authorise import Authoriser
from access.cameras.synthetic import SyntheticCamera
from access.demo.demonstration import HEADLESS_FPS, person_of, run_command
from access.hardware.direct import DirectDriver
from access.hardware.simulated import SimulatedLock
from access.record import RegisterAudit
from models.clock import SimulatedClock
from models.domain import Contact, DoorInputs, KeyPressed, PersonId, Shown
from models.events import DoorEvent
from models.register.access_records import PinKind
from models.site import Site
from models.synthetic.scene import Appearance, Scene, Stop

FRONT, LABORATORY = "front", "laboratory"
STAFF = "staff"
PLAN = "everything"
RULES_TOML = """\
groups = ["staff"]

[schedules.workdays]
mon-fri = ["07:00-19:00"]
sat-sun = []

[[rule]]
name = "staff at the front door"
group = "staff"
doors = ["front"]
factors = ["face"]

[[rule]]
name = "staff in the laboratory"
group = "staff"
doors = ["laboratory"]
schedule = "workdays"
factors = ["face+pin"]

[[lockdown]]
name = "everything"
doors = "*"
"""
PIN, DURESS_PIN, WRONG_PIN = "2719", "2718", "5050"

STANDS_STILL = (Stop(0.0, 0.5, 0.5, 0.36), Stop(1.0, 0.5, 0.5, 0.36))
VISIT_S = 4.0
LABORATORY_VISIT_S = 25.0
KEYS_AT_S = 2.0
HELD_OPEN_FOR_S = 90.0

Outcome = tuple[str, str]
"""Outcome and reason of an event."""

LET_IN: tuple[Outcome, ...] = (("granted", "recognised"), ("unlocked", "recognised"))


@dataclass(frozen=True, slots=True)
class Act:
    """One scene.

    Attributes:
        title: what is shown, for people.
        door: at which door.
        hour: local hour of the day, on a workday.
        sunday: on a Sunday instead.
        stranger: somebody comes who is not enrolled.
        keys: what is typed on the keypad.
        opened_s: for how long the door stands open after the grant.
        lockdown: the site is locked down meanwhile.
        expected: the events, in order, exits of strangers and notices of entry left out.
    """

    title: str
    expected: tuple[Outcome, ...]
    door: str = FRONT
    hour: int = 10
    sunday: bool = False
    stranger: bool = False
    keys: str = ""
    opened_s: float = 0.0
    lockdown: bool = False


ACTS = (
    Act("staff in working hours, face and PIN", LET_IN, LABORATORY, keys=f"{PIN}#"),
    Act("the same on a Sunday", (("denied", "outside_hours"),), LABORATORY, sunday=True, keys=f"{PIN}#"),
    Act("the same at night", (("denied", "outside_hours"),), LABORATORY, hour=23),
    Act("the face without the PIN", (("denied", "needs_pin"),), LABORATORY),
    Act(
        "a wrong PIN",
        (("denied", "wrong_pin"),),
        LABORATORY,
        keys=f"{WRONG_PIN}#",
    ),
    Act(
        "a duress PIN: it opens, and a silent alarm is raised",
        (LET_IN[0], ("alarm", "duress"), LET_IN[1]),
        LABORATORY,
        keys=f"{DURESS_PIN}#",
    ),
    Act("a stranger", (("denied", "not_recognised"),), stranger=True),
    Act(
        "the door is held open",
        (*LET_IN, ("alarm", "door_held_open"), ("cleared", "door_held_open")),
        opened_s=HELD_OPEN_FOR_S,
    ),
    Act("the site is locked down", (("denied", "lockdown"),), lockdown=True),
    Act("after the lockdown", LET_IN),
)


@dataclass(frozen=True, slots=True)
class ActResult:
    """What happened in an act; `right` when it was what had to happen."""

    act: Act
    happened: tuple[Outcome, ...]
    right: bool


def prepare_rules(site: Site) -> PersonId:
    """Import the rules; everybody becomes staff; the first person gets PINs. Returns who that is."""
    file = site.settings.home / "rules.toml"
    file.write_text(RULES_TOML, encoding="utf-8")
    run_command(site.settings, ["rules", "import", str(file), "--yes"])
    people = sorted(site.register.people(), key=lambda person: person.name)
    for person in people:
        site.register.change_groups(person.person_id, add={STAFF})
    first = people[0].person_id
    site.register.set_pin(first, PIN)
    site.register.set_pin(first, DURESS_PIN, PinKind.DURESS)
    return first


def play_acts(site: Site, seed: int, acts: Sequence[Act] = ACTS) -> Iterator[ActResult]:
    """Play all acts; each result as soon as it is there.

    Args:
        site: the demo's, with its rules imported and `prepare_rules` done.
        seed: of the demo's people.
        acts: which.
    """
    sites = {door: site_of(site, door) for door in (FRONT, LABORATORY)}
    name = min(person.name for person in site.register.people())
    for act in acts:
        if act.lockdown:
            site.register.start_lockdown(PLAN, "the demo shows a lockdown")
        try:
            happened = _play(sites[act.door], act, seed, name)
        finally:
            if act.lockdown:
                site.register.end_lockdown(PLAN)
        yield ActResult(act, happened, happened == act.expected)


def site_of(site: Site, door: str) -> Site:
    """The same site as another of its doors sees it."""
    settings = site.settings
    of_door = settings.door.model_copy(update={"id": door})
    return Site(settings.model_copy(update={"door": of_door}), site.register)


def scene_at_the_laboratory(site: Site, seed: int) -> Scene:
    """The person who has a PIN comes to the laboratory, and stands there for long enough to type it."""
    name = min(person.name for person in site.register.people())
    person = person_of(seed, name)
    return Scene((Appearance(person, 2.0, LABORATORY_VISIT_S, seed=7, path=STANDS_STILL),))


def _play(site: Site, act: Act, seed: int, name: str) -> tuple[Outcome, ...]:
    clock = SimulatedClock(_start(act, site.settings.site.time_zone))
    hardware = SimulatedLock(clock)
    hardware.set_inputs(DoorInputs(contact=Contact.CLOSED))
    view = site.view()
    shown = _Keypad(act.keys, clock)
    loop = build_loop(
        site,
        lambda: view,
        clock,
        audit=RegisterAudit(site.register),
        lock=DirectDriver(hardware, clock),
        authoriser=Authoriser(act.door, lambda: view.access, site.register),
        readers=shown.read,
    )
    person = person_of(seed, None if act.stranger else name)
    scene = Scene((Appearance(person, 0.0, VISIT_S, seed=7, path=STANDS_STILL),))
    events: list[DoorEvent] = []
    with SyntheticCamera(scene, clock, HEADLESS_FPS) as camera:
        while (frame := camera.read()) is not None:
            events += loop.step(frame)
            if act.opened_s and any(event.outcome == "unlocked" for event in events):
                hardware.set_inputs(DoorInputs(contact=Contact.OPEN))
    events += _let_time_pass(act, clock, hardware, loop.tick)
    events += loop.finish()
    return tuple((event.outcome, str(event.reason)) for event in events if event.outcome != "notice")


def _let_time_pass(
    act: Act, clock: SimulatedClock, hardware: SimulatedLock, tick: Callable[[], list[DoorEvent]]
) -> list[DoorEvent]:
    """Until the door stood open for long enough, and a while more."""
    events = []
    for before, after in pairwise([0.0, act.opened_s, act.opened_s + 20.0]):
        for _ in range(round(after - before)):
            clock.sleep(1.0)
            events += tick()
        hardware.set_inputs(DoorInputs(contact=Contact.CLOSED))
    return events


def _start(act: Act, zone: tzinfo | None) -> datetime:
    """The hour of the act on the next Monday or Sunday, by the site's clock."""
    today = datetime.now(UTC).astimezone(zone)
    days = (6 if act.sunday else 7) - today.weekday()
    return (today + timedelta(days=days)).replace(hour=act.hour, minute=0).astimezone(UTC)


class _Keypad:
    """Types keys some seconds after the scene began."""

    def __init__(self, keys: str, clock: SimulatedClock) -> None:
        self._keys, self._clock = keys, clock

    def read(self) -> list[Shown]:
        if self._clock.monotonic_s() < KEYS_AT_S:
            return []
        keys, self._keys = self._keys, ""
        return [KeyPressed(key, self._clock.monotonic_s()) for key in keys]

"""`receive`, `keep_open`: the demo, in which synthetic people are enrolled and come to a simulated door.

Camera, lock and people are simulated; detector, network, gallery, register, audit and decision are the real
ones. Enrolment is the real command in a process of its own: `access` and `enrollment` do not know each other.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from access.assembly import build_loop
from access.authorise import Authoriser
from access.cameras.synthetic import SyntheticCamera
from access.hardware.direct import DirectDriver
from access.hardware.simulated import SimulatedLock
from access.loop import DoorLoop
from access.record import RegisterAudit
from access.replay import run_through
from models.clock import SimulatedClock
from models.domain import PersonId
from models.errors import DoorwardError
from models.events import DoorEvent
from models.ports import Clock
from models.release.weights import ensure_weights
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.site import Site
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene

ENROLLED = 20
STRANGER_SHARE = 0.35
PHOTOS_EACH = 2
HEADLESS_FPS = 8.0
DEMO_TOML = """\
[door]
unlock_s = 3.0

[detector]
max_side = 320  # whoever comes to this door comes close: smaller pictures are enough, and quicker

[decision]
min_margin = 0.2  # drawn from few numbers, they are more alike than the people thresholds are found with
"""
CONSENT = "I do not exist, and I agree that this demo recognises me."

NAMES = (
    "Adaeze Brandt", "Ansel Moreau", "Bruna Castellan", "Caspian Holt", "Delphine Aoki", "Edda Varga",
    "Farid Lindqvist", "Gita Sorensen", "Hanno Okafor", "Ilse Tanaka", "Jovan Mbeki", "Keira Dumont",
    "Leif Anand", "Mirela Petrov", "Nadim Castro", "Oriane Falk", "Pavel Adeyemi", "Quilla Novak",
    "Runa Iyer", "Soren Abadi", "Tamsin Orlov", "Ugo Hartmann", "Vesna Quist", "Wanda Keita",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a visit takes, and how often one begins: a pause lies between, in which the track ends."""

    visit_s: float
    every_s: float


BRISK = Pace(visit_s=2.4, every_s=3.4)
LEISURELY = Pace(visit_s=5.0, every_s=7.0)
"""For a person who watches."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A visit that is going to happen. `name` is None for a stranger."""

    number: int
    person: SyntheticPerson
    name: str | None


@dataclass(frozen=True, slots=True)
class DemoVisit:
    """What a guest met with; `right`: got in under the own name, or stayed outside as a stranger."""

    guest: Guest
    event: DoorEvent | None
    granted_to: str | None
    right: bool


def scene_of(guests: list[Guest], pace: Pace) -> Scene:
    """All guests, one after the other, each with a pause after them."""
    return Scene(
        tuple(
            Appearance(guest.person, position * pace.every_s, pace.visit_s, seed=1000 + guest.number)
            for position, guest in enumerate(guests)
        )
    )


def invite(visits: int, seed: int, names: Collection[str]) -> list[Guest]:
    """Who comes, in which order; the same for the same seed. Every enrolled person has the same chance.

    Args:
        visits: how many.
        seed: of the people.
        names: who is enrolled; the desk refuses people who are too alike, and those stay away.
    """
    rng = np.random.default_rng([seed, 41])
    enrolled = [position for position in range(ENROLLED) if name_of(position) in names]
    guests = []
    for number in range(visits):
        is_stranger = rng.random() < STRANGER_SHARE
        who = enrolled[int(rng.integers(len(enrolled)))]
        name = None if is_stranger else name_of(who)
        person = SyntheticPerson(_person_seed(seed, ENROLLED + number if is_stranger else who))
        guests.append(Guest(number, person, name))
    return guests


def name_of(position: int) -> str:
    """The name of an enrolled person."""
    return NAMES[position % len(NAMES)]


def person_of(seed: int, name: str | None) -> SyntheticPerson:
    """The synthetic person who was enrolled under a name; somebody who is not enrolled for None."""
    position = 10 * ENROLLED if name is None else NAMES.index(name)
    return SyntheticPerson(_person_seed(seed, position))


def _person_seed(seed: int, position: int) -> int:
    return 100_000 * (seed + 1) + position


def prepare_home(settings: Settings) -> Settings:
    """A fresh home for the demo inside the site's, with the site's weights; what was in it is gone."""
    home = settings.home / "demo"
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True)
    file = home / "doorward.toml"
    file.write_text(DEMO_TOML, encoding="utf-8")
    return load_settings(home, file).model_copy(update={"weights": settings.weights})


def draw_photos(settings: Settings, seed: int, advance: Callable[[int], None]) -> Path:
    """A folder of photos for each person to enrol; returns the folder of these folders."""
    folder = settings.home / "photos"
    for position in range(ENROLLED):
        person = SyntheticPerson(_person_seed(seed, position))
        mine = folder / name_of(position)
        mine.mkdir(parents=True)
        for photo in range(PHOTOS_EACH):
            cv2.imwrite(str(mine / f"{photo}.png"), person.portrait(seed=photo))
        advance(1)
    return folder


def enrol(settings: Settings, photos: Path) -> None:
    """Enrol everyone with the real command, which may refuse some: for being too alike, or for poor photos.

    Raises:
        DoorwardError: the command failed; the message has its words.
    """
    ensure_weights(settings.weights.folder, settings.weights.source)
    run_command(settings, ["enroll", "--folder", str(photos), "--consent", CONSENT])


def run_command(settings: Settings, arguments: list[str]) -> None:
    """Run a command of `doorward` on the demo's home, in a process of its own.

    Raises:
        DoorwardError: it failed; the message has its words.
    """
    command = [sys.executable, "-m", "models.cli.app", "--home", str(settings.home), "--json", *arguments]
    environment = os.environ | {"DOORWARD_WEIGHTS__FOLDER": str(settings.weights.folder)}
    environment.pop("DOORWARD_CONFIG", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = _words(done.stderr or done.stdout)
        raise DoorwardError(f"`doorward {arguments[0]}` failed in the demo: {words}")


def _words(text: str) -> str:
    last = text.strip().splitlines()[-1:] or ["no reason was given"]
    try:
        return str(json.loads(last[0])["message"])
    except (ValueError, KeyError, TypeError):
        return last[0]


def receive(site: Site, guests: list[Guest]) -> Iterator[DemoVisit]:
    """Let the guests come, by a simulated clock; what each met with, as soon as they are gone."""
    clock = SimulatedClock()
    names = names_in(site)
    loop, lock = door_of(site, clock)
    events: list[list[DoorEvent]] = [[] for _ in guests]
    done = 0
    with SyntheticCamera(scene_of(guests, BRISK), clock, HEADLESS_FPS) as camera:
        for event in run_through(camera, loop):
            number = min(int((event.clip_s or 0.0) // BRISK.every_s), len(guests) - 1)
            events[number].append(event)
            while done < number:
                yield judge(guests[done], events[done], names)
                done += 1
    lock.close()
    for position in range(done, len(guests)):
        yield judge(guests[position], events[position], names)


def door_of(site: Site, clock: Clock) -> tuple[DoorLoop, DirectDriver]:
    """The demo's door: the real loop, rules and audit, a simulated lock."""
    view = site.view()
    lock = DirectDriver(SimulatedLock(clock), clock)
    audit = RegisterAudit(site.register)
    rules = Authoriser(site.settings.door.id, lambda: view.access, site.register)
    return build_loop(site, lambda: view, clock, audit=audit, lock=lock, authoriser=rules), lock


def names_in(site: Site) -> dict[PersonId, str]:
    """Everyone's name."""
    return {person.person_id: person.name for person in site.register.people()}


def judge(guest: Guest, events: list[DoorEvent], names: dict[PersonId, str]) -> DemoVisit:
    """Was it right what the door did with this guest? Unlocking it for a stranger is always wrong."""
    grants = [event for event in events if event.outcome == "granted"]
    shown = next(iter([*grants, *reversed(events)]), None)
    unlocked = [event for event in events if event.outcome == "unlocked"]
    granted_to = [names.get(event.person_id or PersonId(""), "somebody") for event in unlocked]
    right = not grants if guest.name is None else granted_to == [guest.name]
    return DemoVisit(guest, shown, granted_to[0] if granted_to else None, right)

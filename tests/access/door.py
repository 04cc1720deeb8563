"""A door of parts that do as they are told: who stands there is written into the picture's colours."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path

import numpy as np

from access.authorise import Authoriser
from access.hardware.direct import DirectDriver
from access.hardware.door_machine import DoorChange
from access.hardware.simulated import SimulatedLock
from access.limits import EvidenceLimits
from access.loop import DoorLoop
from access.memory_access import MemoryAccess
from access.observation import Observation
from access.record import MemoryAudit
from access.tracking import Tracker
from models.clock import SimulatedClock
from models.domain import (
    Box,
    CardShown,
    Embedding,
    Face,
    FaceCrop,
    Frame,
    ImageArray,
    KeyPressed,
    PersonId,
    Quality,
    QualityReason,
    ScoreKind,
    ScoreScale,
    Shown,
    Template,
    Threshold,
)
from models.errors import DoorwardError, RegisterError
from models.events import DoorEvent
from models.gallery.gallery import Gallery
from models.ports import Encoder
from models.register.access_records import AccessSnapshot
from models.release.store import Release
from models.rules.policy import OPEN_SITE, Policy
from models.rules.request import Lockdown, PersonAccess
from models.site import SiteView
from models.vision.alignment import TEMPLATE_112
from tests.thresholds import gallery_thresholds

MODEL = "net-1"
SCALE = ScoreScale(ScoreKind.CENTRED, MODEL)
D = 16
ADA, BOB = PersonId("a" * 32), PersonId("b" * 32)
PEOPLE = {1: ADA, 2: BOB}
STRANGER = 3
FRAME_S = 0.1
LIMITS = EvidenceLimits()
LET_IN = [("granted", "recognised"), ("unlocked", "recognised")]
"""Outcomes and reasons of the events of somebody who got in."""
THRESHOLD = Threshold(0.5, SCALE)


def vector_of(who: int) -> Embedding:
    """Person number `who`: a unit vector along axis `who`; 12 lies between 1 and 2, like a lookalike."""
    axes = [int(digit) for digit in str(who)]
    vector = np.zeros(D, np.float32)
    vector[axes] = 1 / np.sqrt(len(axes))
    return Embedding(vector, MODEL)


@dataclass(frozen=True)
class Stand:
    """Someone in front of the camera: who, where, and whether the picture is good."""

    who: int
    left: int = 100
    good: bool = True
    size: int = 112


def picture(stands: Sequence[Stand]) -> ImageArray:
    image = np.zeros((240, 640, 3), np.uint8)
    for stand in stands:
        image[40 : 40 + stand.size, stand.left : stand.left + stand.size] = (
            stand.who,
            200 if stand.good else 0,
            0,
        )
    return image


class ColourDetector:
    """Finds the coloured squares."""

    def __init__(self) -> None:
        self.stands: Sequence[Stand] = ()
        self.others: list[Face] = []

    def detect(self, image: ImageArray) -> list[Face]:
        faces = []
        for stand in sorted(self.stands, key=lambda s: -s.size):
            box = Box(stand.left, 40, stand.left + stand.size, 40 + stand.size)
            landmarks = TEMPLATE_112 * (stand.size / 112) + np.array([stand.left, 40], np.float32)
            faces.append(Face(box, landmarks.astype(np.float32), 0.9))
        return faces + self.others


class ColourEncoder:
    """Reads the person's number from the middle of the crop."""

    model_id = MODEL
    dimension = D

    def __init__(self) -> None:
        self.embedded = 0
        self.error: DoorwardError | None = None

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        if self.error is not None and crops:
            raise self.error
        self.embedded += len(crops)
        return [vector_of(int(crop.image[56, 56, 2])) for crop in crops]


def colour_quality(observation: Observation) -> Observation:
    reasons = () if observation.aligned.image[56, 56, 1] else (QualityReason.TOO_DARK,)
    return replace(observation, quality=Quality(112, 100, 0, 0, 0, 120, 40, reasons))


def gallery_of(*people: int) -> Gallery:
    return Gallery.build([Template(f"t{who}", PEOPLE[who], vector_of(who)) for who in people], MODEL)


def access_of(*people: PersonId, revision: int = 1) -> AccessSnapshot:
    """A site without rules of its own: these people pass every door by the face."""
    known = {person_id: PersonAccess(person_id) for person_id in people}
    return AccessSnapshot(revision, OPEN_SITE, "digest", known, (), frozenset())


def view_of(
    revision: int,
    encoder: Encoder,
    gallery: Gallery,
    *,
    release_id: str = "release-1",
    access: AccessSnapshot | None = None,
) -> SiteView:
    """A view with the threshold `THRESHOLD` for everything; None lets in everybody in the gallery."""
    release = Release(release_id, MODEL, Path("none.onnx"))
    thresholds = gallery_thresholds(THRESHOLD.value, SCALE)
    access = access_of(*gallery.people) if access is None else access
    return SiteView(revision, release, encoder, gallery, thresholds, access)


class RecordingLock(SimulatedLock):
    """Notes for how long it was unlocked, and what had been written by then."""

    def __init__(self, clock: SimulatedClock, audit: MemoryAudit) -> None:
        super().__init__(clock)
        self._audit = audit
        self.written_at_unlock: list[list[DoorEvent]] = []
        self.unlocked_for_s: list[float] = []

    def unlock(self, seconds: float) -> None:
        self.written_at_unlock.append(list(self._audit.events))
        self.unlocked_for_s.append(seconds)
        super().unlock(seconds)


class FailingAudit(MemoryAudit):
    """Fails while `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def append(self, event: DoorEvent) -> DoorEvent:
        if self.broken:
            raise RegisterError("the disk is full: free some space")
        return super().append(event)


@dataclass
class Door:
    """The loop with all its parts at hand."""

    limits: EvidenceLimits = LIMITS
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    detector: ColourDetector = field(default_factory=ColourDetector)
    encoder: ColourEncoder = field(default_factory=ColourEncoder)
    audit: FailingAudit = field(default_factory=FailingAudit)
    view_error: DoorwardError | None = None
    policy: Policy = OPEN_SITE
    people: dict[PersonId, PersonAccess] = field(
        default_factory=lambda: {each: PersonAccess(each) for each in (ADA, BOB)}
    )
    history: MemoryAccess = field(default_factory=MemoryAccess)
    lockdowns: tuple[Lockdown, ...] = ()
    fire_doors: frozenset[str] = frozenset()
    revision: int = 0
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        self.shown: list[Shown] = []
        self.view = view_of(1, self.encoder, gallery_of(1, 2))
        self.lock = RecordingLock(self.clock, self.audit)
        self.loop = DoorLoop(
            detector=self.detector,
            tracker=Tracker(),
            checks=[colour_quality],
            door="front",
            limits=self.limits,
            view=self._current,
            clock=self.clock,
            zone=self.zone,
            audit=self.audit,
            lock=DirectDriver(self.lock, self.clock),
            unlock_s=5.0,
            authoriser=Authoriser("front", self._access, self.history),
            readers=self._read,
            more_changes=self._more_changes,
            min_box_px=32.0,
            timer=self.clock.monotonic_s,
        )

    def _access(self) -> AccessSnapshot:
        return AccessSnapshot(self.revision, self.policy, "d", self.people, self.lockdowns, self.fire_doors)

    def _read(self) -> list[Shown]:
        shown, self.shown = self.shown, []
        return shown

    def _more_changes(self) -> list[DoorChange]:
        return []

    def card(self, number: str) -> None:
        """Hold a card to the reader."""
        self.shown.append(CardShown(number, self.clock.monotonic_s()))

    def type(self, keys: str) -> None:
        """Type on the keypad."""
        self.shown += [KeyPressed(key, self.clock.monotonic_s()) for key in keys]

    def _current(self) -> SiteView:
        if self.view_error is not None:
            raise self.view_error
        return self.view

    def enrol(self, *people: int) -> None:
        """Swap the whole view, as a change of the register does."""
        revision = self.view.revision + 1
        self.view = view_of(revision, self.encoder, gallery_of(*people))

    def show(self, *stands: Stand, late_s: float = 0.0) -> list[DoorEvent]:
        """One frame, taken `late_s` before the door sees it."""
        self.clock.sleep(FRAME_S)
        self.detector.stands = stands
        return self.loop.step(Frame(picture(stands), self.clock.monotonic_s() - late_s))

    def watch(self, *stands: Stand, frames: int) -> list[DoorEvent]:
        """The same picture for some frames."""
        return [event for _ in range(frames) for event in self.show(*stands)]

    def empty(self, frames: int = 8) -> list[DoorEvent]:
        """Nobody there, long enough for a track to end."""
        return self.watch(frames=frames)

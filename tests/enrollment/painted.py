"""People made of numbers: a picture's first pixel says who is on it, which take it is, and what is wrong.

Takes of one person score about 0.9 with each other and about 0 with everybody else's; `other` makes somebody
who looks like two people at once.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from enrollment.enrol import Enrolment, EnrolmentService
from enrollment.pictures import NamedPicture
from models.domain import (
    Box,
    Embedding,
    Face,
    FaceCrop,
    FloatArray,
    ImageArray,
    Quality,
    QualityReason,
    ScoreKind,
    ScoreScale,
)
from models.errors import NoFaceError, SeveralFacesError
from models.evaluation.thresholds import CalibratedThreshold, GalleryThresholds, Thresholds
from models.register.register import Register
from models.release.store import Release
from models.vision.analysis import FaceAnalyser, FaceAnalysis
from tests.thresholds import calibrated

MODEL = "painted"
NOBODY, GOOD, SEVERAL, BLURRED = range(4)


def unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def vector_of(person: int, take: int = 0, other: int = 0) -> FloatArray:
    """`other` above 0 mixes in that person's face, half and half."""
    base = unit(np.random.default_rng([1, person]).normal(size=64))
    if other:
        base = unit(base + unit(np.random.default_rng([1, other]).normal(size=64)))
    return unit(base + 0.33 * unit(np.random.default_rng([2, person, take]).normal(size=64)))


def picture(person: int, take: int = 0, state: int = GOOD, other: int = 0) -> NamedPicture:
    image = np.zeros((4, 4, 3), np.uint8)
    image[0, 0] = person, take, state
    image[0, 1, 0] = other
    return NamedPicture(f"{person}-{take}.jpg", image)


class PaintedAnalyser(FaceAnalyser):
    """Reads the first pixel."""

    def __init__(self) -> None:
        """There is nothing to load."""

    def analyse(self, image: ImageArray) -> list[FaceAnalysis]:
        person, take, state = (int(value) for value in image[0, 0])
        if state == NOBODY:
            return []
        reasons = (QualityReason.BLURRED,) if state == BLURRED else ()
        crop = np.random.default_rng([3, person, take]).integers(0, 256, (112, 112, 3), np.uint8)
        found = FaceAnalysis(
            Face(Box(0, 0, 4, 4), np.zeros((5, 2), np.float32), 0.9),
            FaceCrop(crop),
            Quality(100, 100, 0, 0, 0, 120, 40, reasons),
            Embedding(vector_of(person, take, int(image[0, 1, 0])), MODEL),
        )
        return [found, found] if state == SEVERAL else [found]

    def only_face(self, image: ImageArray) -> FaceAnalysis:
        faces = self.analyse(image)
        if not faces:
            raise NoFaceError("no face was found")
        if len(faces) > 1:
            raise SeveralFacesError("2 faces were found")
        return faces[0]


RELEASE = Release("painted-release", MODEL, Path("none"))


class FixedThresholds:
    """The same thresholds for a gallery of any size: 0.5 at the door and 1:1, 0.75 for duplicates."""

    def identify(self, people: int, photos_each: float = 1.0) -> CalibratedThreshold:
        return self._of(0.5)

    def duplicate(self, people: int, photos_each: float, pictures: int) -> CalibratedThreshold:
        return self._of(0.75)

    def for_gallery(self, people: int, photos_each: float = 1.0) -> GalleryThresholds:
        return GalleryThresholds(people, self._of(0.5), self._of(0.5), self._of(0.75))

    def _of(self, value: float) -> CalibratedThreshold:
        return calibrated(value, ScoreScale(ScoreKind.CENTRED, MODEL))


def fixed_thresholds() -> Thresholds:
    return cast(Thresholds, FixedThresholds())


class PaintedDesk(EnrolmentService):
    """Examines the pictures as well, as the command `enroll` does."""

    def enrol(self, name: str, pictures: Sequence[NamedPicture], consent: str, **options: bool) -> Enrolment:
        return self.enrol_examined(name, [self.examine(one) for one in pictures], consent, **options)

    def add_pictures(
        self, name: str, pictures: Sequence[NamedPicture], consent: str | None = None, **options: bool
    ) -> Enrolment:
        return self.add_examined(name, [self.examine(one) for one in pictures], consent, **options)


def desk(register: Register, after_change: Callable[[], None] = lambda: None) -> PaintedDesk:
    return PaintedDesk(register, PaintedAnalyser(), RELEASE, fixed_thresholds, after_change=after_change)

"""`Thresholds.for_gallery`: looks up the thresholds that keep the target error rates at a gallery's size.

Sources say how high strangers score, and the most cautious one decides:

    reference   strangers of a public set, searched with the network of the release; there from the first day
    searches    everyone enrolled at the site searched among all others; the better source, as it knows the
                site's camera and people
    synthetic   people who do not exist, searched in the site's gallery; they decide in a demonstration, whose
                people look more alike than real ones, and hardly ever at a real door

Each is a `SearchTail`. A threshold for any number of people follows from it by a formula, so that a gallery
that grows is never judged by the threshold of the day before: nothing is found again, nothing grows with the
number of people. With the same sources a larger gallery never lowers the threshold for the same target rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.domain import ScoreScale, Threshold
from models.errors import CalibrationError
from models.evaluation.measured import photos_factor, visit_factor
from models.evaluation.tail import LARGE_SAMPLE, SearchTail

TOLERATED_FACTOR = 2.0
"""On average the target rate is met; with the stated confidence the rate stays under this many times it."""

MIN_THRESHOLD = 0.2
"""No threshold lies below: strangers reach this score with one in a hundred of the people enrolled. A lower
one comes of scores that were not made by this program."""


MAX_DUPLICATE = 0.9
"""Whoever scores so high is enrolled already, however many people are: here the lower threshold is the safe
one."""


@dataclass(frozen=True, slots=True)
class ErrorRateTargets:
    """The error rates that the operator wants.

    Attributes:
        target_far: share of strangers' visits that may open the door.
        visit_s: how long such a visit lasts, in seconds; 0 states the rate of a single search.
        target_fmr_verify: share of impostors that a 1:1 check may accept.
        target_fpir_duplicates: share of newcomers that may be taken for someone enrolled.
        confidence: of the stated bounds.
        strangers_per_day: who come to the door.
    """

    target_far: float = 0.001
    visit_s: float = 10.0
    target_fmr_verify: float = 1e-4
    target_fpir_duplicates: float = 0.001
    confidence: float = 0.95
    strangers_per_day: float = 20.0

    def __post_init__(self) -> None:
        for target in (self.target_far, self.target_fmr_verify, self.target_fpir_duplicates):
            if not 0.0 < target < 1.0:
                raise CalibrationError(f"a target rate lies between 0 and 1, not {target}")
        if not 0.0 < self.confidence < 1.0:
            raise CalibrationError(f"a confidence lies between 0 and 1, not {self.confidence}")
        if not (math.isfinite(self.visit_s) and self.visit_s >= 0.0):
            raise CalibrationError(f"a visit lasts 0 seconds or more, not {self.visit_s}")

    @property
    def visit_factor(self) -> float:
        """How many times the rate of a single search a visit has."""
        return visit_factor(self.visit_s)


@dataclass(frozen=True, slots=True)
class StrangerSource:
    """How high strangers score, from one source.

    Attributes:
        name: of the source.
        tail: of its searches.
        photos_each: how many photos each of the people who were searched was enrolled with, on average.
    """

    name: str
    tail: SearchTail
    photos_each: float = 1.0


@dataclass(frozen=True, slots=True)
class CalibratedThreshold:
    """A threshold found for one target rate, and the rate expected of it.

    Attributes:
        threshold: carries its scale.
        target: the target rate.
        expected: the rate expected of a stranger, the highest of all sources.
        bound: what that rate stays under with the stated confidence, by the sources that are large enough.
        by_source: the threshold that each source asked for.
    """

    threshold: Threshold
    target: float
    expected: float
    bound: float
    by_source: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class GalleryThresholds:
    """The thresholds for one gallery.

    Attributes:
        people: how many it holds.
        identify: for the door; its rates are of visits.
        verify: for the 1:1 check of one person.
        duplicate: for a newcomer with one picture.
    """

    people: int
    identify: CalibratedThreshold
    verify: CalibratedThreshold
    duplicate: CalibratedThreshold


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What thresholds are looked up from. It says nothing of who is enrolled and may be kept for long.

    Attributes:
        scale: of every threshold.
        targets: the target error rates.
        sources: at least one.

    Raises:
        CalibrationError: there is no source.
    """

    scale: ScoreScale
    targets: ErrorRateTargets
    sources: Sequence[StrangerSource]

    def __post_init__(self) -> None:
        if not self.sources:
            raise CalibrationError(
                f"it is not known how strangers score with {self.scale.model_id}: no door may use it. "
                "Train it again: a release brings the scores of strangers"
            )

    def for_gallery(self, people: int, photos_each: float = 1.0) -> GalleryThresholds:
        """Look up the thresholds for so many people, enrolled with so many photos each on average.

        Raises:
            CalibrationError: a threshold would be lower than `MIN_THRESHOLD`.
        """
        return GalleryThresholds(
            people=people,
            identify=self.identify(people, photos_each),
            verify=self._find(self.targets.target_fmr_verify, 1, photos_each),
            duplicate=self.duplicate(people, photos_each, 1),
        )

    def identify(self, people: int, photos_each: float = 1.0) -> CalibratedThreshold:
        """Look up the threshold of the door; its rates are of visits. Raises as `for_gallery`."""
        factor, target = self.targets.visit_factor, self.targets.target_far
        found = self._find(target / factor, people, photos_each)
        return CalibratedThreshold(
            found.threshold,
            target,
            min(1.0, factor * found.expected),
            min(1.0, factor * found.bound),
            found.by_source,
        )

    def duplicate(self, people: int, photos_each: float, pictures: int) -> CalibratedThreshold:
        """Look up the threshold for a newcomer of whom so many pictures are searched, each on its own.

        The best of k searches is the best of k chances: each search may err with 1 - (1 - target)^(1/k).
        Its rates are of newcomers; it is never above `MAX_DUPLICATE`. Raises as `for_gallery`.
        """
        target = self.targets.target_fpir_duplicates
        each = -math.expm1(math.log1p(-target) / pictures)
        found = self._find(each, people, photos_each, cautious=False)
        return CalibratedThreshold(
            Threshold(min(found.threshold.value, MAX_DUPLICATE), self.scale),
            target,
            -math.expm1(pictures * math.log1p(-min(found.expected, 1 - 1e-12))),
            -math.expm1(pictures * math.log1p(-min(found.bound, 1 - 1e-12))),
            found.by_source,
        )

    def _find(
        self, target: float, people: int, photos_each: float, *, cautious: bool = True
    ) -> CalibratedThreshold:
        confidence = self.targets.confidence
        scaled = [
            (source, max(1, people) * photos_factor(photos_each) / photos_factor(source.photos_each))
            for source in self.sources
        ]
        # A source of fewer searches raises a threshold to where it expects the target rate, and has no bound
        # of its own: a few hundred cannot exclude twice a target of one in a thousand, and would refuse
        # everybody. The bound is then that of the larger sources: of strangers in general, not this camera.
        most = max(source.tail.units for source in self.sources)
        large = [each for each in scaled if each[0].tail.units >= min(LARGE_SAMPLE, most)]
        by_source = {source.name: source.tail.threshold(target, count) for source, count in scaled}
        if cautious:
            limit = min(TOLERATED_FACTOR * target, (1.0 + target) / 2)
            for source, count in large:
                careful = source.tail.cautious_threshold(limit, count, confidence)
                by_source[source.name] = max(by_source[source.name], careful)
        value = max(by_source.values())
        if value < MIN_THRESHOLD:
            raise CalibrationError(
                f"a threshold of {value:.3f} would let in almost anybody: the stored scores of strangers are "
                "not of this network, or the register was rewritten. Run doorward calibrate"
            )
        expected = max(source.tail.fpir(value, count) for source, count in scaled)
        bound = max(source.tail.fpir_bound(value, count, confidence) for source, count in large)
        return CalibratedThreshold(
            Threshold(value, self.scale), target, expected, max(expected, bound), by_source
        )

"""`calibrate`: finds the thresholds that meet the target error rates at today's gallery.

Three sources say how high strangers score, and the most cautious one decides:

    reference   strangers of a public set, searched with the pretrained network; the only one on the first day
    synthetic   people who do not exist, searched in today's gallery; they decide in a demonstration, whose
                people look more alike than real ones, and hardly ever at a real door
    searches    today's gallery: everyone enrolled searched among all others, and, where it is given, a cohort
                of people who are not enrolled; the better source, as it knows the site's camera and people

Each is a `SearchTail`; its threshold rises with the number of people, and the highest threshold wins: with
the same sources a larger gallery never lowers the threshold for the same target rate.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.domain import COSINE, FloatArray, Template, Threshold
from models.errors import CalibrationError, EmbeddingError, ModelMismatchError
from models.evaluation.bounds import Interval, binomial_interval
from models.evaluation.searches import MatedSearches, mated_searches, search_cohort, search_gallery
from models.evaluation.tail import MIN_SAMPLE, SearchTail, fit_searches
from models.gallery.fusion import fuse, templates_by_person
from models.gallery.mean import GalleryMean
from models.release.manifest import Thresholds

TOLERATED_FACTOR = 2.0
"""On average the target rate is met; with the stated confidence the rate stays under this many times it."""

MIN_PEOPLE_NARROW = 100
"""With fewer people than this enrolled, the gallery's own searches count little, and a warning says so."""

MIN_MATED_TEMPLATES = 30
"""With fewer templates that have a second one of the same person, a warning says so."""


@dataclass(frozen=True, slots=True)
class ErrorRateTargets:
    """The error rates that the operator wants.

    Attributes:
        target_fpir: share of strangers' visits that may open the door.
        target_fmr_verify: share of impostors that a 1:1 check may accept.
        target_fpir_duplicates: share of newcomers that may be taken for someone enrolled.
        confidence: of the stated bounds.
        strangers_per_day: who come to the door.
    """

    target_fpir: float = 0.001
    target_fmr_verify: float = 1e-4
    target_fpir_duplicates: float = 0.001
    confidence: float = 0.95
    strangers_per_day: float = 20.0


@dataclass(frozen=True, slots=True)
class CalibratedThreshold:
    """A threshold found for one target rate, and the rate expected of it.

    Attributes:
        threshold: carries metric and network.
        target: the target rate.
        expected: the rate expected of a stranger, the highest of all sources; None without any source.
        bound: what that rate stays under with the stated confidence; None without any source.
        by_source: the threshold that each source asked for.
    """

    threshold: Threshold
    target: float
    expected: float | None
    bound: float | None
    by_source: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """Three thresholds for today's gallery, and the error rates expected of them.

    Attributes:
        identify, verify, duplicate: for the door, for 1:1, for newcomers.
        people, templates: how many are enrolled.
        searches: how many searches without a mate each source made.
        fnir: share of the enrolled whom the door would refuse; None when nobody has two templates.
        fnir_interval: of that share.
        confidence: of every bound.
        days_to_false_accept: expected days until a stranger gets in; None without any source.
        days_to_false_accept_at_least: the same at the bound.
        warnings: what is missing for a better calibration, in sentences for an operator.
    """

    identify: CalibratedThreshold
    verify: CalibratedThreshold
    duplicate: CalibratedThreshold
    people: int
    templates: int
    searches: Mapping[str, int]
    fnir: float | None
    fnir_interval: Interval | None
    confidence: float
    days_to_false_accept: float | None
    days_to_false_accept_at_least: float | None
    warnings: tuple[str, ...]


def calibrate(
    templates: Sequence[Template],
    model_id: str,
    targets: ErrorRateTargets,
    defaults: Thresholds,
    *,
    cohort: FloatArray | None = None,
    reference: SearchTail | None = None,
    synthetic: FloatArray | None = None,
) -> ThresholdSet:
    """Find the thresholds that meet the target rates at today's gallery.

    Args:
        templates: of everyone active; the order does not matter.
        model_id: the network of the active release.
        targets: the target rates, their confidence, and how many strangers come.
        defaults: thresholds used where there is no source.
        cohort: float32 (C, D) unit vectors of people who are not enrolled, embedded by the same network.
        reference: searches of strangers measured for this network elsewhere.
        synthetic: like `cohort`, of people who do not exist: a source of its own.

    Raises:
        CalibrationError: a target is not a rate, or a number is not finite.
        ModelMismatchError: a template is of another network, or the cohort has another dimension.
        EmbeddingError: a template cannot be used.
    """
    grouped = templates_by_person(templates, model_id)
    people, photos = len(grouped), sum(len(vectors) for vectors in grouped.values())
    _check(targets, list(grouped.values()), cohort, synthetic)
    fused = (
        np.stack([fuse(vectors) for vectors in grouped.values()]) if grouped else np.zeros((0, 1), np.float32)
    )
    mean = GalleryMean.of(fused) if grouped else GalleryMean(np.zeros(1, np.float32))
    gallery = mean.remove(fused)
    sources = _reference_scores(reference, people, photos)
    if synthetic is not None and people:
        tail = fit_searches(search_cohort(mean.remove(synthetic), gallery), people)
        sources.append(StrangerScores("synthetic", tail, people))
    sources += _gallery_scores([mean.remove(vectors) for vectors in grouped.values()], gallery, cohort, mean)

    def find(
        target: float, default: float, *, one: bool = False, cautious: bool = True
    ) -> CalibratedThreshold:
        scaled = (
            [StrangerScores(e.name, e.tail, e.people / max(1, people)) for e in sources] if one else sources
        )
        return _find(scaled, target, targets.confidence, Threshold(default, COSINE, model_id), cautious)

    identify = find(targets.target_fpir, defaults.identify)
    mated = mated_searches(list(grouped.values()), gallery, mean)
    fnir, interval = _expected_fnir(mated, identify.threshold.value, targets.confidence)
    return ThresholdSet(
        identify=identify,
        verify=find(targets.target_fmr_verify, defaults.verify, one=True),
        duplicate=find(targets.target_fpir_duplicates, defaults.duplicate, cautious=False),
        people=people,
        templates=photos,
        searches={source.name: source.tail.searches for source in sources},
        fnir=fnir,
        fnir_interval=interval,
        confidence=targets.confidence,
        days_to_false_accept=_days(identify.expected, targets.strangers_per_day),
        days_to_false_accept_at_least=_days(identify.bound, targets.strangers_per_day),
        warnings=_warnings(people, [source.name for source in sources], identify, len(mated.own)),
    )


def _check(targets: ErrorRateTargets, people: Sequence[FloatArray], *cohorts: FloatArray | None) -> None:
    for target in (targets.target_fpir, targets.target_fmr_verify, targets.target_fpir_duplicates):
        if not 0.0 < target < 1.0:
            raise CalibrationError(f"a target rate lies between 0 and 1, not {target}")
    if not 0.0 < targets.confidence < 1.0:
        raise CalibrationError(f"a confidence lies between 0 and 1, not {targets.confidence}")
    if not all(np.isfinite(vectors).all() for vectors in people):
        raise EmbeddingError("a template is not finite: enrol its person again")
    for cohort in cohorts:
        if cohort is not None and not np.isfinite(cohort).all():
            raise EmbeddingError("the cohort holds a vector that is not finite: make it again")
        if cohort is not None and people and cohort.shape[1:] != people[0].shape[1:]:
            raise ModelMismatchError(
                f"the cohort has {cohort.shape[1:]} numbers a face and the gallery {people[0].shape[1:]}: "
                "embed the cohort with the active release"
            )


@dataclass(frozen=True, slots=True)
class StrangerScores:
    """The scores of strangers from one source, and the number of people they are scaled to.

    Attributes:
        name: of the source.
        tail: fitted to its searches.
        people: the gallery size, in terms of the source, for which rates are stated.
    """

    name: str
    tail: SearchTail
    people: float


def _reference_scores(reference: SearchTail | None, people: int, photos: int) -> list[StrangerScores]:
    if reference is None:
        return []
    # The reference was searched among people of one photo. A fused template of several has less noise, and
    # strangers come closer to it: measured 1.6, 1.9 and 2.3 times as often for 2, 3 and 5 photos.
    photos_each = photos / max(1, people)
    return [StrangerScores("reference", reference, max(1, people) * math.sqrt(max(1.0, photos_each)))]


def _gallery_scores(
    templates: Sequence[FloatArray], gallery: FloatArray, cohort: FloatArray | None, mean: GalleryMean
) -> list[StrangerScores]:
    people = len(gallery)
    best, units = np.empty(0), np.empty(0, np.int64)
    if people > MIN_SAMPLE:
        best, units = search_gallery(templates, gallery)
    if cohort is not None and people:
        best = np.append(best, search_cohort(mean.remove(cohort), gallery))
        units = np.append(units, people + np.arange(len(cohort)))
    if len(best) < MIN_SAMPLE:
        return []
    # Those enrolled are searched among one person fewer; counting so for the cohort too is the safe side.
    searched = people - 1 if people > MIN_SAMPLE else people
    return [StrangerScores("searches", fit_searches(best, searched, units), people)]


def _find(
    sources: Sequence[StrangerScores], target: float, confidence: float, default: Threshold, cautious: bool
) -> CalibratedThreshold:
    if not sources:
        return CalibratedThreshold(default, target, None, None, {})
    by_source = {source.name: source.tail.threshold(target, source.people) for source in sources}
    if cautious:
        limit = min(TOLERATED_FACTOR * target, (1.0 + target) / 2)
        for source in sources:
            careful = source.tail.cautious_threshold(limit, source.people, confidence)
            by_source[source.name] = max(by_source[source.name], careful)
    value = max(by_source.values())
    expected = max(source.tail.fpir(value, source.people) for source in sources)
    bound = max(source.tail.fpir_bound(value, source.people, confidence) for source in sources)
    threshold = dataclasses.replace(default, value=value)
    return CalibratedThreshold(threshold, target, expected, max(expected, bound), by_source)


def _expected_fnir(
    mated: MatedSearches, threshold: float, confidence: float
) -> tuple[float | None, Interval | None]:
    if not len(mated.own):
        return None, None
    missed = (mated.own < threshold) | (mated.best_other >= mated.own)
    _, person = np.unique(mated.person, return_inverse=True)
    # A person's photos are not independent: every person counts once, by the share of their photos missed.
    share = np.bincount(person, weights=missed) / np.bincount(person)
    interval = binomial_interval(round(float(share.sum())), share.size, confidence)
    return float(share.mean()), interval


def _days(rate: float | None, strangers_per_day: float) -> float | None:
    if rate is None or rate <= 0.0:
        return None
    return 1.0 / (rate * strangers_per_day)


def _warnings(
    people: int, sources: Sequence[str], identify: CalibratedThreshold, mated: int
) -> tuple[str, ...]:
    found: list[str] = []
    needed = MIN_SAMPLE + 1
    if not sources:
        found.append(
            "It is not known how strangers score with this network: its default threshold is used. "
            f"Enrol {needed} people or more: then the threshold is found from the gallery."
        )
    elif people <= MIN_SAMPLE:
        found.append(
            f"{people} people are enrolled, too few to measure how alike people look to this camera: "
            f"the threshold rests on the {' and the '.join(sources)}. From {needed} people on it is measured."
        )
    elif people < MIN_PEOPLE_NARROW:
        found.append(
            f"{people} people are enrolled: the bound is wide, and narrows from {MIN_PEOPLE_NARROW} on."
        )
    if identify.bound is not None and identify.bound > 1.05 * TOLERATED_FACTOR * identify.target:
        found.append(
            "The bound exceeds twice the target rate: more people, or a larger cohort, would narrow it."
        )
    if mated < MIN_MATED_TEMPLATES:
        found.append(
            f"Only {mated} templates can be tested against another of the same person: how often the door "
            "refuses the enrolled is not well known. Enrol two or three pictures of each person."
        )
    return tuple(found)

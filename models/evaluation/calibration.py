"""`calibrate`: fits how high strangers score at a site, and states the thresholds and error rates of its
gallery.

What is fitted is kept for long and serves galleries of any size: `models.evaluation.thresholds` looks
thresholds up from it. The work grows with the number of people in proportion: of a large gallery a sample is
searched.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.domain import FloatArray, PersonId, ScoreKind, ScoreScale, Template
from models.errors import EmbeddingError, ModelMismatchError
from models.evaluation.bounds import Interval, binomial_interval
from models.evaluation.metrics import missed_searches
from models.evaluation.searches import MatedSearches, Rows, mated_searches, search_cohort, search_gallery
from models.evaluation.tail import MIN_SAMPLE, SearchTail, fit_searches
from models.evaluation.thresholds import (
    TOLERATED_FACTOR,
    CalibratedThreshold,
    ErrorRateTargets,
    StrangerSource,
    Thresholds,
)
from models.gallery.fusion import fuse, templates_by_person
from models.gallery.mean import GalleryMean

MIN_PEOPLE_NARROW = 100
"""With fewer people than this enrolled, the gallery's own searches count little, and a warning says so."""

MIN_MATED_TEMPLATES = 30
"""With fewer templates that have a second one of the same person, a warning says so."""

MAX_SEARCHED_PEOPLE = 4000
"""Of more people a sample is searched: a tail of so many searches is known well enough."""

MAX_LOOKALIKES = 20
SEED = 0


@dataclass(frozen=True, slots=True)
class LookalikePair:
    """Two people enrolled of whom one may be taken for the other.

    Attributes:
        first, second: their ids.
        score: the highest score of a template of the one with the other person.
    """

    first: PersonId
    second: PersonId
    score: float


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """The thresholds for today's gallery, and the error rates expected of them.

    Attributes:
        thresholds: to look thresholds up for galleries of other sizes.
        fitted: the sources among its own that were fitted to this gallery.
        identify, verify, duplicate: for the door, for 1:1, for newcomers with one picture.
        people, templates: how many are enrolled.
        searches: how many searches without a mate each source made.
        fnir: share of the enrolled whom the door would refuse; None when nobody has two templates.
        fnir_interval: of that share.
        confidence: of every bound.
        days_to_false_accept: expected days until a stranger gets in; None when none is expected.
        days_to_false_accept_at_least: the same at the bound.
        lookalikes: people whom the promise does not cover, the most alike first.
        warnings: what is missing for a better calibration, in sentences for an operator.
    """

    thresholds: Thresholds
    fitted: tuple[StrangerSource, ...]
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
    lookalikes: tuple[LookalikePair, ...]
    warnings: tuple[str, ...]


def calibrate(
    templates: Sequence[Template],
    model_id: str,
    targets: ErrorRateTargets,
    *,
    cohort: FloatArray | None = None,
    reference: SearchTail | None = None,
    synthetic: FloatArray | None = None,
    min_margin: float = 0.0,
    trained_on: Collection[PersonId] = (),
) -> ThresholdSet:
    """Fit how high strangers score in today's gallery, and find its thresholds.

    Args:
        templates: of everyone active; the order does not matter.
        model_id: the network of the active release.
        targets: the target rates, their confidence, and how many strangers come.
        cohort: float32 (C, D) unit vectors of people who are not enrolled, embedded by the same network.
        reference: searches of strangers measured for this network elsewhere.
        synthetic: like `cohort`, of people who do not exist: a source of its own.
        min_margin: how far ahead of the next person the door wants the best one, for the FNIR.
        trained_on: people whom the network was trained on; they are searched *for*, and do not search: how
            a network scores faces that it has learnt says nothing of strangers.

    Raises:
        CalibrationError: there is no source at all, or a number is not finite.
        ModelMismatchError: a template is of another network, or the cohort has another dimension.
        EmbeddingError: a template cannot be used.
    """
    grouped = templates_by_person(templates, model_id)
    vectors = list(grouped.values())
    people, photos = len(grouped), sum(map(len, vectors))
    photos_each = photos / max(1, people)
    _check(vectors, cohort, synthetic)
    fused = np.stack([fuse(each) for each in vectors]) if vectors else np.zeros((0, 1), np.float32)
    mean = GalleryMean.of(fused) if vectors else GalleryMean(np.zeros(1, np.float32))
    gallery = mean.remove(fused)
    fitted: list[StrangerSource] = []
    if synthetic is not None and people:
        tail = fit_searches(search_cohort(mean.remove(synthetic), gallery), people)
        fitted.append(StrangerSource("synthetic", tail, photos_each))
    names, learnt, sample = list(grouped), set(trained_on), _sample(people)
    searching = np.array([row for row in sample if names[row] not in learnt], np.int64)
    known = [] if reference is None else [StrangerSource("reference", reference)]
    scale = ScoreScale(ScoreKind.CENTRED, model_id)
    duplicate = (
        Thresholds(scale, targets, known).duplicate(people, photos_each, 1).threshold.value if known else None
    )
    centred = [mean.remove(vectors[row]) for row in searching]
    strange = None if cohort is None or not people else mean.remove(cohort)
    tail_of_site, nearest = _search_each_other(centred, searching, gallery, strange, duplicate)
    if tail_of_site is not None:
        fitted.append(StrangerSource("searches", tail_of_site, photos_each))
    thresholds = Thresholds(scale, targets, (*known, *fitted))
    found = thresholds.for_gallery(people, photos_each)
    mated = mated_searches(vectors, gallery, mean, sample)
    value = found.identify.threshold.value
    fnir, interval = _expected_fnir(mated, value, min_margin, targets.confidence)
    sources = [source.name for source in thresholds.sources]
    return ThresholdSet(
        thresholds=thresholds,
        fitted=tuple(fitted),
        identify=found.identify,
        verify=found.verify,
        duplicate=found.duplicate,
        people=people,
        templates=photos,
        searches={source.name: source.tail.searches for source in thresholds.sources},
        fnir=fnir,
        fnir_interval=interval,
        confidence=targets.confidence,
        days_to_false_accept=_days(found.identify.expected, targets.strangers_per_day),
        days_to_false_accept_at_least=_days(found.identify.bound, targets.strangers_per_day),
        lookalikes=_lookalikes(names, nearest, value - min_margin),
        warnings=_warnings(people, sources, found.identify, len(mated.own)),
    )


def _check(people: Sequence[FloatArray], *cohorts: FloatArray | None) -> None:
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


def _sample(people: int) -> list[int]:
    """Return the rows of the people who are searched: all of them, or the same ones at every call."""
    if people <= MAX_SEARCHED_PEOPLE:
        return list(range(people))
    drawn = np.random.default_rng(SEED).permutation(people)[:MAX_SEARCHED_PEOPLE]
    return sorted(drawn.tolist())


Nearest = list[tuple[int, int, float]]
"""Two rows of the gallery, and the highest score of the first one's templates with the second."""


def _search_each_other(
    searching: Sequence[FloatArray],
    rows: Rows,
    gallery: FloatArray,
    cohort: FloatArray | None,
    duplicate: float | None,
) -> tuple[SearchTail | None, Nearest]:
    """Search people among all others, and a cohort among all; None for the tail where there are too few.

    Whoever scores like a duplicate was enrolled because the operator said so: two people who look alike, or
    one person twice. They are reported, and left out of the tail: they say nothing of strangers, and a single
    pair of twins would shut the door for everybody.
    """
    people = len(gallery)
    best, units = np.empty(0), np.empty(0, np.int64)
    nearest: Nearest = []
    if people > 1 and searching:
        found = search_gallery(searching, gallery, rows)
        nearest = found.nearest_people()
        plain = np.full(len(found.best), True) if duplicate is None else found.best < duplicate
        if len(np.unique(found.owner[plain])) > MIN_SAMPLE:
            best, units = found.best[plain], found.unit[plain]
    if cohort is not None:
        best = np.append(best, search_cohort(cohort, gallery))
        units = np.append(units, people + np.arange(len(cohort)))
    if len(best) < MIN_SAMPLE:
        return None, nearest
    # Those enrolled are searched among one person fewer; counting so for the cohort too is the safe side.
    searched = people - 1 if searching else people
    return fit_searches(best, searched, units), nearest


def _lookalikes(names: Sequence[PersonId], nearest: Nearest, score: float) -> tuple[LookalikePair, ...]:
    pairs: dict[frozenset[int], LookalikePair] = {}
    for first, second, best in sorted(nearest, key=lambda found: -found[2]):
        if best >= score:
            key = frozenset((first, second))
            one, other = sorted((names[first], names[second]))
            pairs.setdefault(key, LookalikePair(one, other, best))
    return tuple(pairs.values())[:MAX_LOOKALIKES]


def _expected_fnir(
    mated: MatedSearches, threshold: float, min_margin: float, confidence: float
) -> tuple[float | None, Interval | None]:
    if not len(mated.own):
        return None, None
    missed = missed_searches(mated.own, mated.best_other, threshold, min_margin)
    _, person = np.unique(mated.person, return_inverse=True)
    # A person's photos are not independent: every person counts once, by the share of their photos missed.
    share = np.bincount(person, weights=missed) / np.bincount(person)
    interval = binomial_interval(round(float(share.sum())), share.size, confidence)
    return float(share.mean()), interval


def _days(rate: float, strangers_per_day: float) -> float | None:
    return None if rate <= 0.0 else 1.0 / (rate * strangers_per_day)


def _warnings(
    people: int, sources: Sequence[str], identify: CalibratedThreshold, mated: int
) -> tuple[str, ...]:
    found: list[str] = []
    needed = MIN_SAMPLE + 1
    if "searches" not in sources:
        found.append(
            f"{people} people are enrolled, too few to measure how alike people look to this camera: "
            f"the threshold rests on the {' and the '.join(sources)}. From {needed} people on it is measured."
        )
    elif people < MIN_PEOPLE_NARROW:
        found.append(
            f"{people} people are enrolled: the bound is wide, and narrows from {MIN_PEOPLE_NARROW} on."
        )
    if identify.bound > 1.05 * TOLERATED_FACTOR * identify.target:
        found.append(
            "The bound exceeds twice the target rate: what few people can show does not exclude more. More "
            "people, or a larger cohort, narrow it."
        )
    if identify.threshold.value > 1.0:
        found.append(
            "No score reaches the threshold of the door: nobody gets in. This network cannot keep the "
            "target rate "
            "with so many people: use another release, or a higher target rate."
        )
    if mated < MIN_MATED_TEMPLATES:
        found.append(
            f"Only {mated} templates can be tested against another of the same person: how often the door "
            "refuses the enrolled is not well known. Enrol two or three pictures of each person."
        )
    return tuple(found)

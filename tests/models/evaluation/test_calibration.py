"""Target rates on people who were not calibrated on, and what holds for every gallery."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import Embedding, PersonId, ScoreKind, ScoreScale, Template
from models.errors import CalibrationError, EmbeddingError, ModelMismatchError
from models.evaluation import calibration
from models.evaluation.calibration import calibrate
from models.evaluation.identification import search_among, search_open_set
from models.evaluation.reference import reference_for, synthetic_cohort
from models.evaluation.tail import fit_searches
from models.evaluation.thresholds import ErrorRateTargets, StrangerSource, Thresholds
from models.gallery.fusion import templates_by_person
from models.gallery.gallery import Gallery
from models.release.networks import SFACE_MODEL_ID
from models.release.store import PRETRAINED_ID, Release
from tests.models.evaluation.people import MODEL, make_cohort, make_templates

PRETRAINED = Release(PRETRAINED_ID, SFACE_MODEL_ID, Path("absent.onnx"))
OTHER = Release("other", "somebody-elses-network", Path("absent.onnx"))


def found_for(templates, **others):
    targets = others.pop("targets", ErrorRateTargets(visit_s=0))
    return calibrate(templates, MODEL, targets, **others)


@pytest.mark.parametrize("target", [0.01, 0.003])
def test_the_target_rate_is_met_for_strangers_not_calibrated_on(target):
    templates = make_templates(200, seed=1)
    found = found_for(
        templates, targets=ErrorRateTargets(target_far=target, visit_s=0), cohort=make_cohort(1000)
    )
    strangers = make_cohort(20_000, seed=500)
    grouped = templates_by_person(templates, MODEL)
    best = search_among(list(grouped.values()), strangers)
    observed = (best >= found.identify.threshold.value).mean()
    assert target / 4 < observed < target * 2
    assert observed < found.identify.bound


def test_the_scores_are_those_of_the_doors_gallery():
    templates = make_templates(40, seed=2)
    strangers = make_cohort(20, seed=77)
    gallery = Gallery.build(templates, MODEL)
    at_the_door = [gallery.search(Embedding(vector.copy(), MODEL)).best.score for vector in strangers]
    grouped = {str(name): vectors for name, vectors in templates_by_person(templates, MODEL).items()}
    assert search_among(list(grouped.values()), strangers) == pytest.approx(at_the_door, abs=1e-6)
    tested = search_open_set(grouped, {}, strangers)
    assert tested.strangers == pytest.approx(at_the_door, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(sizes=st.tuples(st.integers(0, 30), st.integers(0, 30)), target=st.floats(1e-4, 0.05))
def test_a_larger_gallery_never_lowers_the_threshold_for_the_same_target_rate(sizes, target):
    reference = fit_searches(np.random.default_rng(3).normal(0.35, 0.04, 1000), 500)
    small, large = sorted(sizes)
    templates = make_templates(large, photos=1)
    targets = ErrorRateTargets(target_far=target, visit_s=0)
    few = found_for(templates[:small], targets=targets, reference=reference)
    many = found_for(templates, targets=targets, reference=reference)
    assert few.identify.threshold.value <= many.identify.threshold.value
    assert few.duplicate.threshold.value <= many.duplicate.threshold.value
    assert few.verify.threshold.value == many.verify.threshold.value


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_order_does_not_matter(seed):
    templates = make_templates(50)
    mixed = [templates[row] for row in np.random.default_rng(seed).permutation(len(templates))]
    one, other = found_for(templates), found_for(mixed)
    assert (one.identify, one.verify, one.duplicate) == (other.identify, other.verify, other.duplicate)
    assert (one.fnir, one.lookalikes) == (other.fnir, other.lookalikes)
    cohort = make_cohort(60)
    one, other = found_for(templates, cohort=cohort), found_for(mixed, cohort=cohort[::-1])
    # The last digit of a product of matrices may depend on where a row stands.
    assert one.identify.threshold.value == pytest.approx(other.identify.threshold.value, abs=1e-5)
    assert one.identify.bound == pytest.approx(other.identify.bound, rel=1e-3)


def test_more_pictures_of_each_raise_the_threshold_of_the_first_day():
    reference = fit_searches(np.random.default_rng(3).normal(0.35, 0.04, 1000), 500)
    one = found_for(make_templates(10, photos=1), reference=reference).identify.threshold.value
    three = found_for(make_templates(10, photos=3), reference=reference).identify.threshold.value
    assert one < three


def test_without_any_source_no_door_may_open():
    with pytest.raises(CalibrationError, match="not known how strangers score"):
        found_for(make_templates(3))


def test_nobody_enrolled_is_calibrated_by_the_reference():
    found = calibrate([], SFACE_MODEL_ID, ErrorRateTargets(), reference=reference_for(PRETRAINED))
    assert 0.3 < found.identify.threshold.value < 0.6
    assert (found.people, found.fnir) == (0, None)


def test_the_packaged_reference_is_measured_for_one_network_only():
    reference = reference_for(PRETRAINED)
    assert reference.searches > 1000
    assert reference_for(OTHER) is None


def test_the_packaged_cohort_is_of_unit_vectors_and_raises_the_threshold_among_its_like():
    cohort = synthetic_cohort(SFACE_MODEL_ID)
    assert cohort.shape[0] > 100
    assert np.linalg.norm(cohort, axis=1) == pytest.approx(1, abs=1e-5)
    assert synthetic_cohort("somebody-elses-network") is None
    like = [
        Template(str(row), PersonId(str(row)), Embedding(cohort[row].copy(), SFACE_MODEL_ID))
        for row in range(5)
    ]
    reference = reference_for(PRETRAINED)
    bare = calibrate(like, SFACE_MODEL_ID, ErrorRateTargets(), reference=reference)
    found = calibrate(like, SFACE_MODEL_ID, ErrorRateTargets(), reference=reference, synthetic=cohort[5:])
    assert found.identify.threshold.value > bare.identify.threshold.value + 0.02


def test_few_enrolled_people_give_a_warning_and_many_do_not():
    reference = fit_searches(np.random.default_rng(3).normal(0.35, 0.04, 1000), 500)
    assert any("too few" in w for w in found_for(make_templates(5), reference=reference).warnings)
    assert any("bound is wide" in w for w in found_for(make_templates(40), reference=reference).warnings)
    assert not any("few" in w for w in found_for(make_templates(150), reference=reference).warnings)


def test_expected_rates_bounds_and_days_are_consistent():
    found = found_for(
        make_templates(150, photos=2),
        targets=ErrorRateTargets(target_far=0.01, visit_s=0, strangers_per_day=50),
    )
    identify = found.identify
    assert identify.expected <= 0.0100001
    assert identify.expected <= identify.bound
    assert found.days_to_false_accept == pytest.approx(1 / (identify.expected * 50))
    assert found.days_to_false_accept_at_least == pytest.approx(1 / (identify.bound * 50))
    assert found.fnir_interval.covers(found.fnir)
    assert found.verify.threshold.value <= identify.threshold.value
    assert (found.people, found.templates, found.searches["searches"]) == (150, 300, 300)


def test_fnir_is_what_leaving_each_picture_out_counts():
    templates = make_templates(40, photos=2, noise=1.2)
    margin = 0.05
    found = found_for(templates, targets=ErrorRateTargets(target_far=0.01, visit_s=0), min_margin=margin)
    value, missed = found.identify.threshold.value, 0
    everyone = Gallery.build(templates, MODEL)
    for template in templates:
        twin = [t for t in templates if t.person_id == template.person_id and t is not template]
        own = everyone._mean.remove(twin[0].embedding.vector) @ everyone._mean.remove(
            template.embedding.vector
        )
        rest = [
            everyone.scores_of(person, template.embedding)
            for person in everyone.people
            if person != template.person_id
        ]
        missed += own < value or own - max(rest) < margin
    assert found.fnir == pytest.approx(missed / len(templates))
    assert 0 < found.fnir < 1


def test_of_more_people_a_sample_is_searched(monkeypatch):
    monkeypatch.setattr(calibration, "MAX_SEARCHED_PEOPLE", 60)
    found = found_for(make_templates(200, photos=2))
    assert found.searches["searches"] == 120
    assert found.people == 200
    everybody = found.thresholds.sources[0].tail
    assert everybody.searched == 199, "each of them among all others"


def test_people_whom_the_network_was_trained_on_do_not_stand_for_strangers():
    """Half of the people look alike to the network because it learnt them: only the others are searched."""
    templates = make_templates(100, photos=1)
    learnt = {template.person_id for template in templates[:50]}
    found = found_for(templates, trained_on=learnt)
    assert found.searches["searches"] == 50
    with pytest.raises(CalibrationError, match="not known"):
        found_for(templates, trained_on={template.person_id for template in templates})


def test_lookalikes_among_the_enrolled_are_named():
    templates = make_templates(40, photos=1)
    twin = Embedding(unit(templates[3].embedding.vector + 0.1 * templates[9].embedding.vector), MODEL)
    reference = fit_searches(np.random.default_rng(3).normal(0.35, 0.04, 1000), 500)
    found = found_for([*templates, Template("twin", PersonId("twin"), twin)], reference=reference)
    assert {found.lookalikes[0].first, found.lookalikes[0].second} == {
        PersonId("twin"),
        templates[3].person_id,
    }
    assert found.lookalikes[0].score > found.identify.threshold.value


def unit(vector):
    return (vector / np.linalg.norm(vector)).astype(np.float32)


LARGE = Thresholds(
    ScoreScale(ScoreKind.CENTRED, MODEL),
    ErrorRateTargets(target_far=0.001, visit_s=10, target_fpir_duplicates=0.001),
    [StrangerSource("reference", fit_searches(np.random.default_rng(1).normal(0.35, 0.045, 3000), 800))],
)


@pytest.mark.parametrize("people", [20, 700, 20_000])
def test_the_promise_of_a_visit_is_kept_by_strangers_who_are_judged_again_and_again(people):
    """As many independent searches as the measured factor says: the visit meets the target, not each
    search."""
    found = LARGE.identify(people)
    per_search = LARGE.sources[0].tail.fpir(found.threshold.value, people)
    assert per_search * LARGE.targets.visit_factor <= 0.001 * (1 + 1e-6)
    assert found.expected == pytest.approx(per_search * LARGE.targets.visit_factor)
    single = Thresholds(LARGE.scale, ErrorRateTargets(target_far=0.001, visit_s=0), LARGE.sources)
    assert single.identify(people).threshold.value < found.threshold.value


@pytest.mark.parametrize("pictures", [1, 3, 10])
def test_a_newcomer_with_many_pictures_is_refused_no_more_often_than_with_one(pictures):
    """The best of k independent searches passes with the target rate, not with k times it."""
    threshold = LARGE.duplicate(700, 1.0, pictures).threshold.value
    each = LARGE.sources[0].tail.fpir(threshold, 700)
    assert 1 - (1 - each) ** pictures == pytest.approx(0.001, rel=1e-3)


def test_more_photos_of_each_person_count_as_more_people():
    assert LARGE.identify(100, 1.0).threshold.value < LARGE.identify(100, 3.0).threshold.value
    source = StrangerSource("searches", LARGE.sources[0].tail, photos_each=3.0)
    of_three = Thresholds(LARGE.scale, LARGE.targets, [source])
    assert of_three.identify(100, 3.0).threshold == LARGE.identify(100, 1.0).threshold


def test_a_network_that_cannot_keep_the_target_says_so_and_still_finds_duplicates():
    """Strangers of a poor network score up to 1: the door stays shut, the same picture is a duplicate."""
    poor = fit_searches(1 - np.random.default_rng(2).exponential(0.05, 1000), 10)
    found = found_for(make_templates(10), reference=poor)
    assert found.identify.threshold.value > 1
    assert any("nobody gets in" in warning for warning in found.warnings)
    assert found.duplicate.threshold.value <= 0.9


def test_a_threshold_that_lets_in_almost_anybody_is_refused():
    low = fit_searches(np.random.default_rng(1).normal(-0.9, 0.01, 1000), 10)
    thresholds = Thresholds(LARGE.scale, LARGE.targets, [StrangerSource("searches", low)])
    with pytest.raises(CalibrationError, match="almost anybody"):
        thresholds.for_gallery(10)


def test_another_network_is_refused():
    mixed = [*make_templates(2), *make_templates(1, seed=5, model_id="net-b")]
    with pytest.raises(ModelMismatchError):
        found_for(mixed)
    with pytest.raises(ModelMismatchError):
        found_for(make_templates(2), cohort=np.eye(8, dtype=np.float32))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(bad):
    cohort = make_cohort(40).copy()
    cohort[3, 2] = bad
    with pytest.raises(EmbeddingError):
        found_for(make_templates(2), cohort=cohort)
    embedding = make_templates(1)[0].embedding
    embedding.vector.flags.writeable = True
    embedding.vector[0] = bad
    with pytest.raises(EmbeddingError):
        found_for([Template("x", PersonId("x"), embedding), *make_templates(2, seed=8)])


@pytest.mark.parametrize(
    "rates", [{"target_far": 0.0}, {"target_fmr_verify": 1.0}, {"confidence": 1.0}, {"visit_s": -1}]
)
def test_targets_that_are_no_rates_are_refused(rates):
    with pytest.raises(CalibrationError):
        found_for(make_templates(2), targets=ErrorRateTargets(**rates))

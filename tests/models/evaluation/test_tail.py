"""The fitted tail against distributions that are known, and what must hold whatever the data."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.domain import Embedding, PersonId, ScoreKind, ScoreScale, Template
from models.errors import CalibrationError
from models.evaluation.calibration import calibrate
from models.evaluation.searches import search_cohort
from models.evaluation.tail import SearchTail, compose, decompose, fit_searches, fit_tail
from models.evaluation.thresholds import ErrorRateTargets, StrangerSource, Thresholds
from models.gallery.mean import GalleryMean


def test_an_exponential_tail_is_found_beyond_the_data():
    """Rates that 2,000 scores cannot count: 1 in 10,000 lies at ln(10,000)."""
    errors = []
    for seed in range(20):
        tail = fit_tail(np.random.default_rng(seed).exponential(size=2000))
        errors.append(tail.quantile(1e-4) - math.log(1e4))
        assert tail.exceedance(tail.quantile(1e-4)) == pytest.approx(1e-4)
    assert abs(np.mean(errors)) < 1.0
    assert np.std(errors) < 2.0


def test_where_it_can_be_counted_the_fit_agrees_with_the_count():
    scores = np.random.default_rng(2).normal(0.35, 0.04, 5000)
    tail = fit_tail(scores)
    for rate in (0.05, 0.02, 0.01, 0.005):
        counted = (scores >= tail.quantile(rate)).mean()
        assert rate / 1.4 < counted < rate * 1.4


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 0.01, 0.1])
@pytest.mark.parametrize("ratio", [0.02, 1, 7.5, 800])
def test_composing_a_gallery_and_taking_it_apart_are_inverse(rate, ratio):
    assert compose(decompose(rate, ratio), ratio) == pytest.approx(rate)


def test_composition_is_the_chance_of_at_least_one():
    assert compose(0.1, 2) == pytest.approx(1 - 0.9**2)
    assert compose(0.0, 5) == 0
    assert compose(1.0, 5) == 1


searches = st.integers(0, 2**31).map(
    lambda seed: np.random.default_rng(seed).normal(0.3, 0.05, 30 + seed % 200)
)


@settings(max_examples=15, deadline=None)
@given(best=searches, target=st.floats(1e-5, 0.2), people=st.tuples(st.integers(1, 900), st.integers(1, 900)))
def test_a_larger_gallery_or_a_lower_target_never_lowers_the_threshold(best, target, people):
    source = fit_searches(best, 100)
    small, large = sorted(people)
    assert source.threshold(target, small) <= source.threshold(target, large)
    assert source.cautious_threshold(target, small, 0.95) <= source.cautious_threshold(target, large, 0.95)
    assert source.threshold(target, small) <= source.threshold(target / 2, small)
    value = source.threshold(target, small)
    assert source.fpir(value, small) <= source.fpir(value, large)
    assert source.fpir(value, small) <= target * (1 + 1e-9)


@settings(max_examples=15, deadline=None)
@given(best=searches, seed=st.integers(0, 2**31))
def test_order_does_not_matter(best, seed):
    units = np.arange(len(best)) // 2
    order = np.random.default_rng(seed).permutation(len(best))
    one, other = fit_searches(best, 50, units), fit_searches(best[order], 50, units[order])
    assert one.threshold(0.001, 50) == other.threshold(0.001, 50)
    assert one.fpir_bound(0.4, 50, 0.95) == other.fpir_bound(0.4, 50, 0.95)


def test_the_bound_holds_as_often_as_it_says():
    """Normal scores, whose true rate at the threshold is known: the 90% bound lies above it 9 times in 10."""
    held = 0
    for seed in range(200):
        source = fit_searches(np.random.default_rng(seed).normal(0, 0.1, size=800), 100)
        value = source.threshold(0.01, 100)
        truth = 0.5 * math.erfc(value / 0.1 / math.sqrt(2))
        held += source.fpir_bound(value, 100, 0.9) >= truth
    assert held >= 174  # 90% of 200, less two standard deviations


PER_SEARCH = 0.001


def draw(count, lookalikes, rng):
    """Best scores of strangers among 100 people, of whom so many look like somebody enrolled."""
    alike = rng.random(count) < lookalikes
    return np.where(alike, rng.normal(0.55, 0.07, count), rng.normal(0.36, 0.045, count))


@pytest.mark.slow
@pytest.mark.parametrize("lookalikes", [0.0, 0.001, 0.002, 0.005, 0.01])
def test_a_stated_bound_and_twice_the_target_hold_where_strangers_look_alike(lookalikes):
    """Of 400 calibrations by 800 searches: how often the truth exceeds the 95% bound, or twice the target."""
    rng = np.random.default_rng(7)
    truth = np.sort(draw(4_000_000, lookalikes, rng))
    beyond_bound = beyond_twice = 0
    for _ in range(400):
        source = fit_searches(draw(800, lookalikes, rng), 100)
        scale = ScoreScale(ScoreKind.CENTRED, "net")
        targets = ErrorRateTargets(target_far=PER_SEARCH, visit_s=0)
        found = Thresholds(scale, targets, [StrangerSource("searches", source)]).identify(100)
        rate = 1 - np.searchsorted(truth, found.threshold.value) / truth.size
        beyond_bound += rate > found.bound
        beyond_twice += rate > 2 * PER_SEARCH
    assert beyond_bound <= 0.07 * 400
    assert beyond_twice <= 0.05 * 400


def test_templates_of_one_person_are_one_observation():
    """Ten photos of each stranger say no more than one: the bound is that of the people."""
    rng = np.random.default_rng(3)
    people = rng.normal(0.36, 0.045, 600)
    photos = np.repeat(people, 10) + rng.normal(0, 1e-6, 6000)
    alone = fit_searches(people, 100)
    together = fit_searches(photos, 100, np.repeat(np.arange(600), 10))
    assert together.units == alone.units == 600
    for threshold in (0.42, 0.46, 0.5):
        assert together.fpir_bound(threshold, 100, 0.95) == pytest.approx(
            alone.fpir_bound(threshold, 100, 0.95), rel=1e-3
        )
    assert fit_searches(photos, 100).fpir_bound(0.46, 100, 0.95) < alone.fpir_bound(0.46, 100, 0.95)


def test_the_bound_of_searches_holds_where_only_high_scores_are_of_pairs():
    """Of 1,000 people the 100 highest are 50 pairs who found each other: each is 2 searches of the 1,000."""
    pairs = np.repeat(np.linspace(0.5, 0.6, 50), 2)
    best = np.concatenate([np.linspace(0.2, 0.4, 900), pairs])
    units = np.concatenate([np.arange(900), 900 + np.arange(100) // 2])
    source = fit_searches(best, 999, units)
    threshold = float(pairs[-20])
    assert source.fpir(threshold, 999) == pytest.approx(0.02, rel=0.5)
    ten_of_500_pairs = float(stats.beta.ppf(0.95, 11, 490))
    assert source.fpir_bound(threshold, 999, 0.95) == pytest.approx(ten_of_500_pairs, rel=0.02)
    cautious = source.cautious_threshold(ten_of_500_pairs * 1.02, 999, 0.95)
    assert cautious == pytest.approx(pairs[-21], abs=1e-9)


@pytest.mark.slow
def test_a_stated_bound_holds_for_people_who_are_searched_among_each_other():
    """Random faces: at 95% confidence at most 1 of 20 galleries may have a higher rate than was stated."""
    rng = np.random.default_rng(1)
    beyond, galleries = 0, 80
    for _ in range(galleries):
        people, strangers = (faces(count, rng) for count in (400, 10_000))
        templates = [
            Template(str(row), PersonId(f"{row:032x}"), Embedding(vector, "net"))
            for row, vector in enumerate(people)
        ]
        found = calibrate(templates, "net", ErrorRateTargets(target_far=0.01, visit_s=0)).identify
        mean = GalleryMean.of(people)
        rate = (search_cohort(mean.remove(strangers), mean.remove(people)) >= found.threshold.value).mean()
        beyond += rate > found.bound
    assert beyond <= 8  # 5% of 80, and two standard deviations


def faces(count, rng):
    """Unit vectors, float32 (count, 48)."""
    vectors = rng.normal(size=(count, 48))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_kept_comes_back_whole():
    source = fit_searches(np.random.default_rng(5).normal(0.3, 0.05, 2000), 80, np.arange(2000) // 2)
    again = SearchTail.from_record(json.loads(json.dumps(source.to_record())))
    assert again.tail == source.tail
    for value in (0.36, 0.45, 0.6):
        assert again.fpir(value, 50) == source.fpir(value, 50)
        assert again.fpir_bound(value, 50, 0.95) == source.fpir_bound(value, 50, 0.95)


def test_the_bound_of_a_count_is_exact_and_never_zero():
    source = fit_searches(np.linspace(0, 1, 100), 10)
    assert source.fpir_bound(0.5, 10, 0.95) > source.fpir(0.5, 10) == pytest.approx(0.5)
    assert source.fpir_bound(source.tail.start, 10, 0.95) > 0


@pytest.mark.parametrize("bad", [[0.1] * 29, [*[0.1] * 40, math.nan], []])
def test_too_little_or_not_finite_is_refused(bad):
    with pytest.raises(CalibrationError):
        fit_tail(bad)
    with pytest.raises(CalibrationError):
        fit_searches(bad, 10)


def test_a_target_outside_0_to_1_or_an_empty_gallery_is_refused():
    source = fit_searches(np.linspace(0, 1, 100), 10)
    for target in (0.0, 1.0, -1.0):
        with pytest.raises(CalibrationError):
            source.threshold(target, 10)
    with pytest.raises(CalibrationError):
        fit_searches(np.linspace(0, 1, 100), 0)


def test_scores_that_are_all_equal_make_no_error():
    source = fit_searches(np.full(50, 0.3), 10)
    assert source.threshold(0.001, 10) == pytest.approx(0.3, abs=1e-3)
    assert source.cautious_threshold(0.001, 10, 0.95) == pytest.approx(0.3, abs=1e-3)


def test_a_small_gallery_asks_for_no_more_than_its_scores_show():
    """From 100 searches of one distribution the shape of the tail is not known: it is held exponential."""
    thresholds = [
        fit_searches(np.random.default_rng(seed).normal(0.33, 0.04, 100), 100).threshold(2e-4, 100)
        for seed in range(100)
    ]
    truth = 0.33 + 0.04 * 3.54  # the normal distribution's quantile of 2 in 10,000
    assert abs(np.median(thresholds) - truth) < 0.03
    assert max(thresholds) < truth + 0.15

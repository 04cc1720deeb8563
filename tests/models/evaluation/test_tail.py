"""The fitted tail against distributions that are known, and what must hold whatever the data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import CalibrationError
from models.evaluation.tail import compose, decompose, fit_searches, fit_tail


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
    for seed in range(60):
        source = fit_searches(np.random.default_rng(seed).normal(size=800), 100)
        value = source.threshold(0.01, 100)
        truth = 0.5 * math.erfc(value / math.sqrt(2))
        held += source.fpir_bound(value, 100, 0.9) >= truth
    assert held >= 47


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

"""Bounds against their definitions and by simulation."""

import math

import numpy as np
import pytest

from models.errors import CalibrationError
from models.evaluation.bounds import (
    Interval,
    binomial_interval,
    bootstrap_over_people,
    error_interval,
    upper_bound,
)


def binomial_tail(events, trials, rate):
    """The probability of at most `events`, summed out."""
    return sum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(events + 1))


@pytest.mark.parametrize(("events", "trials"), [(0, 20), (1, 20), (7, 50), (20, 20)])
def test_the_exact_interval_leaves_half_of_the_rest_on_each_side(events, trials):
    interval = binomial_interval(events, trials, 0.9)
    if events < trials:
        assert binomial_tail(events, trials, interval.high) == pytest.approx(0.05)
    if events > 0:
        assert 1 - binomial_tail(events - 1, trials, interval.low) == pytest.approx(0.05)
    assert interval.covers(events / trials)


def test_zero_errors_in_n_trials_has_an_upper_bound():
    assert upper_bound(0, 1000) == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert binomial_interval(0, 100).low == 0 < binomial_interval(0, 100).high
    assert upper_bound(5, 5) == 1


def test_the_bootstrap_draws_people_and_not_scores():
    """Ten people of a hundred equal rows each: by rows it would be ten times too narrow."""
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(10), 100)
    values = np.repeat(rng.random(10), 100)
    interval = bootstrap_over_people(lambda rows: float(values[rows].mean()), people)
    assert interval.covers(values.mean())
    assert interval.high - interval.low > 2 * values.std() / math.sqrt(10)
    by_row = bootstrap_over_people(lambda rows: float(values[rows].mean()), np.arange(1000))
    assert interval.high - interval.low > 5 * (by_row.high - by_row.low)


def test_the_bootstrap_covers_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=60)
        interval = bootstrap_over_people(
            lambda rows, v=values: float(v[rows].mean()), np.arange(60), 0.9, 200
        )
        covered += interval.covers(0.0)
    assert 80 <= covered <= 97


def test_the_same_seed_gives_the_same_interval():
    def mean(rows):
        return float(rows.mean())

    assert bootstrap_over_people(mean, np.arange(9)) == bootstrap_over_people(mean, np.arange(9))


@pytest.mark.parametrize("arguments", [(1, 0, 0.9), (2, 1, 0.9), (-1, 5, 0.9), (1, 5, 1.0), (1, 5, 0.0)])
def test_impossible_counts_and_confidences_are_refused(arguments):
    with pytest.raises(CalibrationError):
        binomial_interval(*arguments)
    with pytest.raises(CalibrationError):
        upper_bound(*arguments)


def test_no_error_among_so_many_people_has_an_upper_bound():
    people = np.repeat(np.arange(50), 4)
    none = error_interval(np.zeros(200, bool), people)
    assert none == binomial_interval(0, 50)
    assert error_interval(np.ones(200, bool), people) == binomial_interval(50, 50)
    some = error_interval(people < 5, people)
    assert some.covers(0.1)
    assert 0 < some.low < some.high < 0.3


def test_a_bootstrap_needs_people():
    with pytest.raises(CalibrationError):
        bootstrap_over_people(lambda rows: 0.0, [])
    assert not Interval(0.1, 0.2).covers(0.3)

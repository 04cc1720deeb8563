"""Error rates against sort-and-count, written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CalibrationError
from models.evaluation import metrics

scores = st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=60)


def share(values, passes):
    return sum(1 for value in values if passes(value)) / len(values)


@given(mated=scores, nonmated=scores, threshold=st.integers(-20, 20).map(lambda n: n / 20))
def test_fmr_and_fnmr_are_shares_of_the_scores(mated, nonmated, threshold):
    assert metrics.fmr(nonmated, threshold) == share(nonmated, lambda s: s >= threshold)
    assert metrics.fnmr(mated, threshold) == share(mated, lambda s: s < threshold)
    assert metrics.fpir(nonmated, threshold) == metrics.fmr(nonmated, threshold)


@given(mated=scores, nonmated=scores)
def test_every_point_of_the_det_curve_is_a_count(mated, nonmated):
    curve = metrics.det_curve(mated, nonmated)
    for threshold, fmr, fnmr in zip(curve.thresholds, curve.fmr, curve.fnmr, strict=True):
        assert fmr == pytest.approx(share(nonmated, lambda s, t=threshold: s >= t))
        assert fnmr == pytest.approx(share(mated, lambda s, t=threshold: s < t))
    assert (np.diff(curve.thresholds) > 0).all()
    assert curve.fmr[-1] == 0 and curve.fnmr[-1] == 1 and curve.fnmr[0] == 0


@given(nonmated=scores, target=st.floats(0, 0.99))
def test_the_threshold_at_a_rate_keeps_it_and_none_lower_does(nonmated, target):
    threshold = metrics.threshold_at_rate(nonmated, target)
    assert share(nonmated, lambda s: s >= threshold) <= target + 1e-9
    lower = [s for s in nonmated if s < threshold]
    assert lower
    assert share(nonmated, lambda s: s >= max(lower)) > target - 1e-9


@given(rows=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=40))
def test_identification_misses_below_the_threshold_and_behind_another_person(rows):
    own, other = [row[0] for row in rows], [row[1] for row in rows]
    missed = sum(1 for mine, best in rows if mine < 2 or best >= mine)
    wrong = sum(1 for mine, best in rows if best >= mine and best >= 2)
    assert metrics.fnir(own, other, 2) == missed / len(rows)
    assert metrics.wrong_person_rate(own, other, 2) == wrong / len(rows)


def test_a_mated_search_with_nobody_else_enrolled_is_no_miss():
    assert metrics.fnir([0.9, 0.1], [-math.inf, -math.inf], 0.5) == 0.5


def test_equal_error_rate_is_where_fmr_and_fnmr_cross():
    assert metrics.equal_error_rate([0.9, 0.8, 0.7], [0.1, 0.2, 0.3]) == 0
    assert metrics.equal_error_rate([0.9, 0.8, 0.2, 0.7], [0.1, 0.75, 0.3, 0.0]) == 0.25
    assert metrics.fnmr_at_fmr([0.9, 0.8, 0.2, 0.7], [0.1, 0.75, 0.3, 0.0], 0.25) == 0.25


@pytest.mark.parametrize("bad", [[], [math.nan], [math.inf], [0.1, -math.inf]])
def test_scores_that_are_empty_or_not_finite_are_refused(bad):
    for measure in (metrics.fmr, metrics.fnmr, metrics.fpir):
        with pytest.raises(CalibrationError):
            measure(bad, 0.5)
    with pytest.raises(CalibrationError):
        metrics.det_curve(bad, [0.1])
    with pytest.raises(CalibrationError):
        metrics.threshold_at_rate([0.1], 1.5)
    with pytest.raises(CalibrationError):
        metrics.fnir([0.1], [math.nan], 0.5)


def test_failure_rate_is_failures_by_attempts():
    assert metrics.failure_rate(1, 4) == 0.25
    for failures, attempts in ((1, 0), (5, 4), (-1, 4)):
        with pytest.raises(CalibrationError):
            metrics.failure_rate(failures, attempts)

"""`fit_tail`, `fit_searches`: how likely a stranger's best score is to reach a threshold.

Target rates are lower than the data can count: one stranger in a thousand, from a few hundred searches.
Above a high score the excesses of any well-behaved distribution are close to a generalised Pareto one
(Pickands 1975; Coles 2001, "An Introduction to Statistical Modeling of Extreme Values", chapter 4). Below
it the scores are counted. That gives the *expected* rate. Its *bound* does not rest on the fit: it counts
the searches that passed (Clopper and Pearson 1934), and beyond the highest of them follows an exponential
through the highest few, with the largest scale that these few allow (Weissman 1978). Lookalikes and siblings
make a tail heavy where the bulk of the scores says nothing about it: the highest few do.

A stranger searched against N people makes N comparisons. On real faces those behave as if independent (the
product is within 5% of the count for 100 to 800 people), so a rate measured against M people becomes one for
N people: 1 - (1 - rate)^(N / M). It rises with N: a larger gallery never lowers the threshold for the same
target rate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from models.errors import CalibrationError
from models.evaluation.bounds import upper_bound, upper_bounds
from models.evaluation.metrics import Scores, checked_scores

EXCESS_SHARE = 0.05
"""The share of the scores, the highest, that the tail is fitted to."""

MIN_SAMPLE = 30
"""Searches that a fit needs at least."""

MIN_SHAPE = -0.3
MAX_SHAPE = 0.3
"""A sample must neither put the end of the scores too near nor let a single lookalike decide. On Labeled
Faces in the Wild the highest 5% of 2,800 searches have a shape of about 0.15."""

LARGE_SAMPLE = 500
"""With fewer searches that are independent, the shape of the tail is not known: from 100 of one distribution
it is anything from one limit to the other. It is then at most that of an exponential tail."""

MIN_EXCESSES = 15
MIN_SCALE = 1e-6

HIGHEST_FEW = 6
"""The scores that say how far the tail may reach: with more of them a lookalike or two go unnoticed, with
fewer their scale is anybody's guess. Chosen together with `DOUBT_SHARE` by `python -m
benchmarks.coverage`."""

DOUBT_SHARE = 0.1
"""The scale of the highest few is taken at this share of the doubt that a confidence leaves: 0.995 for
0.95."""

KEPT_SHARE = 0.25
MIN_KEPT = 100
"""Of the scores, the highest quarter is kept: no threshold lies below."""


def compose(rate: float, size_ratio: float) -> float:
    """Return the rate in a gallery `size_ratio` times as large: 1 - (1 - rate)^ratio."""
    return 1.0 if rate >= 1.0 else -math.expm1(size_ratio * math.log1p(-max(0.0, rate)))


def decompose(rate: float, size_ratio: float) -> float:
    """Invert `compose`, for a rate in (0, 1).

    Raises:
        CalibrationError: the rate is not within (0, 1).
    """
    if not 0.0 < rate < 1.0:
        raise CalibrationError(f"a target rate lies between 0 and 1, not {rate}")
    return -math.expm1(math.log1p(-rate) / size_ratio)


@dataclass(frozen=True, slots=True)
class Tail:
    """The upper end of a distribution of scores.

    Attributes:
        start: where the fitted part begins.
        rate: the share of scores above `start`.
        scale: of the generalised Pareto distribution, > 0.
        shape: of it, xi; 0 is an exponential tail, negative a tail that ends, positive a heavier one.
    """

    start: float
    rate: float
    scale: float
    shape: float

    def exceedance(self, threshold: float) -> float:
        """Return the share of scores at or above `threshold`, in [0, rate]; `rate` below `start`."""
        reduced = max(0.0, threshold - self.start) / self.scale
        if self.shape == 0.0:
            return self.rate * math.exp(-reduced)
        inner = 1.0 + self.shape * reduced
        return 0.0 if inner <= 0.0 else self.rate * math.pow(inner, -1.0 / self.shape)

    def quantile(self, share: float) -> float:
        """Return the score that a share of the scores reaches; `start` where the share is above `rate`."""
        ratio = min(1.0, share / self.rate)
        if self.shape == 0.0:
            return self.start - self.scale * math.log(ratio)
        return self.start + self.scale * (math.pow(ratio, -self.shape) - 1.0) / self.shape


def fit_tail(scores: npt.ArrayLike) -> Tail:
    """Fit the highest scores by probability-weighted moments (Hosking and Wallis 1987, equation 5).

    Args:
        scores: (N,), N >= 30; the order does not matter.

    Raises:
        CalibrationError: too few scores, or one that is not finite.
    """
    rising = np.sort(checked_scores(scores, "searches without a mate"))
    if rising.size < MIN_SAMPLE:
        raise CalibrationError(f"{rising.size} searches are too few to fit a tail: {MIN_SAMPLE} are needed")
    return _fit(rising, rising.size, MAX_SHAPE)


def _fit(rising: Scores, size: int, max_shape: float) -> Tail:
    """Fit to the highest of `size` scores, of which `rising` holds the highest ones."""
    count = min(size - 1, max(MIN_EXCESSES, round(EXCESS_SHARE * size)))
    start = float((rising[-count - 1] + rising[-count]) / 2)
    excesses = rising[-count:] - start
    weights = (count - np.arange(1, count + 1) + 0.35) / count  # Hosking and Wallis' plotting positions
    mean = float(excesses.mean())
    spread = max(mean - 2.0 * float((excesses * weights).mean()), MIN_SCALE)
    shape = float(np.clip(2.0 - mean / spread, MIN_SHAPE, max_shape))
    # With the shape held within its limits, the scale follows from the mean excess, scale / (1 - shape).
    return Tail(start, count / size, max(mean * (1.0 - shape), MIN_SCALE), shape)


@dataclass(frozen=True, eq=False)
class SearchTail:
    """The highest of the best scores of searches without a mate.

    Searches that are not independent, such as those of one person's photos, make one unit. Expected rates are
    shares of searches; bounds count units, each by its highest score, and hold for searches as well.

    Attributes:
        highest: float64 (H,), rising: the highest best scores.
        searches: how many searches were made, P >= 30.
        unit_highest: float64 (G,), rising: the highest of the units' best scores.
        units: how many units there are, U <= P.
        searched: how many people each search was made among, >= 1.
    """

    highest: Scores
    searches: int
    unit_highest: Scores
    units: int
    searched: int

    @cached_property
    def tail(self) -> Tail:
        """The generalised Pareto distribution of the highest scores."""
        return _fit(self.highest, self.searches, MAX_SHAPE if self.units >= LARGE_SAMPLE else 0.0)

    def fpir(self, threshold: float, people: float) -> float:
        """Return the expected share of strangers whose search of `people` people reaches `threshold`.

        It is 1 for a threshold below all scores that are kept.
        """
        if threshold >= self.tail.start:
            return compose(self.tail.exceedance(threshold), people / self.searched)
        passed = self.highest.size - int(np.searchsorted(self.highest, threshold, side="left"))
        rate = 1.0 if passed == self.highest.size else passed / self.searches
        return compose(rate, people / self.searched)

    def fpir_bound(self, threshold: float, people: float, confidence: float) -> float:
        """Return what that share stays under with this confidence."""
        share = min(1.0, self._searches_a_unit * self._unit_bound(threshold, confidence))
        return compose(share, people / self.searched)

    def threshold(self, target: float, people: float) -> float:
        """Return the threshold of an expected FPIR `target` at `people` people; never below what is kept."""
        share = decompose(target, people / self.searched)
        if share < self.tail.rate:
            return self.tail.quantile(share)
        may_pass = min(int(share * self.searches), self.highest.size - 1)
        return float(np.nextafter(self.highest[-may_pass - 1], np.inf))

    def cautious_threshold(self, target: float, people: float, confidence: float) -> float:
        """Return the threshold whose FPIR over `people` people stays under `target` with this confidence."""
        share = decompose(target, people / self.searched) / self._searches_a_unit
        bounds = upper_bounds(self.unit_highest.size, self.units, confidence)
        reached = int(np.searchsorted(bounds, share, side="right"))
        if reached:  # so many units may pass: the threshold lies just above the next one
            return float(np.nextafter(self.unit_highest[-reached], np.inf))
        start, scale = self._highest_few(confidence)
        beyond = start + scale * math.log(HIGHEST_FEW / self.units / share)
        return max(beyond, float(np.nextafter(self.unit_highest[-1], np.inf)))

    def to_record(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "highest": self.highest.tolist(),
            "searches": self.searches,
            "unit_highest": self.unit_highest.tolist(),
            "units": self.units,
            "searched": self.searched,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "SearchTail":
        """Return what `to_record` made this of.

        Raises:
            CalibrationError: a value is missing, not finite or impossible.
        """
        try:
            found = cls(
                highest=np.asarray(record["highest"], np.float64),
                searches=int(record["searches"]),
                unit_highest=np.asarray(record["unit_highest"], np.float64),
                units=int(record["units"]),
                searched=int(record["searched"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                "stored scores of strangers cannot be read: run doorward calibrate"
            ) from error
        if not found._sound():
            raise CalibrationError("stored scores of strangers are impossible: run doorward calibrate")
        return found

    def _sound(self) -> bool:
        rows = (self.highest, self.unit_highest)
        shapes = all(each.ndim == 1 and each.size > HIGHEST_FEW for each in rows)
        values = shapes and all(
            np.isfinite(each).all() and (np.diff(each) >= 0).all() and np.abs(each).max() <= 1.01
            for each in rows
        )
        needed = min(self.searches, max(MIN_EXCESSES + 1, round(EXCESS_SHARE * self.searches) + 1))
        counts = self.searches >= max(MIN_SAMPLE, self.units) and self.units >= self.unit_highest.size
        return values and counts and self.searched >= 1 and needed <= self.highest.size <= self.searches

    @cached_property
    def _searches_a_unit(self) -> float:
        """How many times the share of units the share of searches is among the highest scores, at least 1.

        Two people who are each other's nearest are one unit of two searches, and high scores are of such
        pairs: a bound of the share of units alone would be too low for searches.
        """
        lowest = self.unit_highest[-HIGHEST_FEW]
        searches = self.highest.size - int(np.searchsorted(self.highest, lowest, side="left"))
        units = self.unit_highest.size - int(np.searchsorted(self.unit_highest, lowest, side="left"))
        return max(1.0, (searches / self.searches) / (units / self.units))

    def _unit_bound(self, threshold: float, confidence: float) -> float:
        """Return the upper bound of the share of units that reach `threshold`."""
        passed = self.unit_highest.size - int(np.searchsorted(self.unit_highest, threshold, side="left"))
        if passed == self.unit_highest.size < self.units:
            return 1.0
        counted = upper_bound(passed, self.units, confidence)
        if passed:
            return counted
        start, scale = self._highest_few(confidence)
        return min(counted, HIGHEST_FEW / self.units * math.exp(-(threshold - start) / scale))

    def _highest_few(self, confidence: float) -> tuple[float, float]:
        """Return where the highest few begin, and the largest scale of an exponential that they allow.

        The sum of k exponential excesses, twice over the scale, follows chi-squared with 2k degrees of
        freedom.
        """
        start = float(self.unit_highest[-HIGHEST_FEW - 1])
        total = float((self.unit_highest[-HIGHEST_FEW:] - start).sum())
        least = 2.0 * float(special.gammaincinv(HIGHEST_FEW, DOUBT_SHARE * (1.0 - confidence)))
        return start, max(2.0 * total / least, MIN_SCALE)


def fit_searches(best: npt.ArrayLike, searched: int, units: npt.ArrayLike | None = None) -> SearchTail:
    """Keep the highest scores of searches without a mate.

    Args:
        best: (P,) each search's best score, P >= 30; the order does not matter.
        searched: how many people each search was made among, at least 1.
        units: (P,) searches that are not independent share a number; by default every search is independent.

    Raises:
        CalibrationError: too few searches or units, a score that is not finite, or nobody is enrolled.
    """
    scores = checked_scores(best, "searches without a mate")
    if searched < 1:
        raise CalibrationError("nobody is enrolled: a false accept needs somebody enrolled")
    if scores.size < MIN_SAMPLE:
        raise CalibrationError(f"{scores.size} searches are too few to fit a tail: {MIN_SAMPLE} are needed")
    labels = np.arange(scores.size) if units is None else np.unique(np.asarray(units), return_inverse=True)[1]
    by_unit = np.full(int(labels.max()) + 1, -np.inf)
    np.maximum.at(by_unit, labels, scores)
    if by_unit.size <= HIGHEST_FEW:
        raise CalibrationError(f"searches of {by_unit.size} people are too few: {MIN_SAMPLE} are needed")
    return SearchTail(_highest(scores), scores.size, _highest(by_unit), by_unit.size, searched)


def _highest(scores: Scores) -> Scores:
    kept = min(scores.size, max(MIN_KEPT, round(KEPT_SHARE * scores.size)))
    return np.sort(scores)[-kept:]

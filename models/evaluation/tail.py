"""`fit_tail`, `fit_searches`: how likely a stranger's best score is to reach a threshold.

Target rates are lower than the data can count: one stranger in a thousand, from a few hundred searches.
Above a high score the excesses of any well-behaved distribution are close to a generalised Pareto one
(Pickands 1975; Coles 2001, "An Introduction to Statistical Modeling of Extreme Values", chapter 4). Below
it the scores are counted.

A stranger searched against N people makes N comparisons. On real faces those behave as if independent (the
product is within 5% of the count for 100 to 800 people), so a rate measured against M people becomes one for
N people: 1 - (1 - rate)^(N / M). It rises with N: a larger gallery never lowers the threshold for the same
target rate.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import CalibrationError
from models.evaluation.bounds import upper_bound
from models.evaluation.metrics import Scores, checked_scores

EXCESS_SHARE = 0.1
"""The share of the scores, the highest, that the tail is fitted to."""

MIN_SAMPLE = 30
"""Searches that a fit needs at least."""

MAX_SHAPE = 0.0
MIN_SHAPE = -0.3
"""Cosines end at 1, so the shape is not positive; a short sample must not put the end too near."""

MIN_EXCESSES = 15
MIN_SCALE = 1e-6
RESAMPLES = 200
SEED = 0


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
        shape: of it, xi; 0 is an exponential tail, negative a tail that ends.
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
    """Fit the highest tenth by probability-weighted moments (Hosking and Wallis 1987, equation 5).

    Args:
        scores: (N,), N >= 30; the order does not matter.

    Raises:
        CalibrationError: too few scores, or one that is not finite.
    """
    rising = np.sort(checked_scores(scores, "searches without a mate"))
    if rising.size < MIN_SAMPLE:
        raise CalibrationError(f"{rising.size} searches are too few to fit a tail: {MIN_SAMPLE} are needed")
    return _fit(rising)


def _fit(rising: Scores) -> Tail:
    count = min(rising.size - 1, max(MIN_EXCESSES, round(EXCESS_SHARE * rising.size)))
    start = float((rising[-count - 1] + rising[-count]) / 2)
    excesses = rising[-count:] - start
    weights = (count - np.arange(1, count + 1) + 0.35) / count  # Hosking and Wallis' plotting positions
    mean = float(excesses.mean())
    spread = max(mean - 2.0 * float((excesses * weights).mean()), MIN_SCALE)
    shape = float(np.clip(2.0 - mean / spread, MIN_SHAPE, MAX_SHAPE))
    # With the shape held within its limits, the scale follows from the mean excess, scale / (1 - shape).
    return Tail(start, count / rising.size, max(mean * (1.0 - shape), MIN_SCALE), shape)


@dataclass(frozen=True, slots=True, eq=False)
class SearchTail:
    """The best scores of searches without a mate: counted where they are many, fitted beyond, with resamples.

    Attributes:
        rising: float64 (P,) the best score of each search.
        tail: fitted to them.
        resampled: tails fitted to resamples of the searchers.
        searched: how many people each search was made among.
    """

    rising: Scores
    tail: Tail
    resampled: tuple[Tail, ...]
    searched: int

    @property
    def searches(self) -> int:
        """P, the number of searches."""
        return int(self.rising.size)

    def passed(self, threshold: float) -> int:
        """Count the searches that reached `threshold`."""
        return self.searches - int(np.searchsorted(self.rising, threshold, side="left"))

    def fpir(self, threshold: float, people: float) -> float:
        """Return the expected share of strangers whose search of `people` people reaches `threshold`."""
        counted = threshold < self.tail.start
        rate = self.passed(threshold) / self.searches if counted else self.tail.exceedance(threshold)
        return compose(rate, people / self.searched)

    def fpir_bound(self, threshold: float, people: float, confidence: float) -> float:
        """Return the upper bound of that share: exact binomial where counted, else from the resamples."""
        if threshold < self.tail.start:
            rate = upper_bound(self.passed(threshold), self.searches, confidence)
        else:
            rates = [tail.exceedance(max(threshold, tail.start)) for tail in self.resampled]
            rate = float(np.quantile(rates, confidence))
        return compose(rate, people / self.searched)

    def threshold(self, target: float, people: float) -> float:
        """Return the threshold of an expected FPIR `target` at `people` people; `tail.start` at least."""
        return self.tail.quantile(decompose(target, people / self.searched))

    def cautious_threshold(self, target: float, people: float, confidence: float) -> float:
        """Return the threshold whose FPIR over `people` people stays under `target` with this confidence."""
        share = decompose(target, people / self.searched)
        return float(np.quantile([tail.quantile(share) for tail in self.resampled], confidence))


def fit_searches(best: npt.ArrayLike, searched: int, units: npt.ArrayLike | None = None) -> SearchTail:
    """Fit the tail of searches without a mate.

    Args:
        best: (P,) each search's best score, P >= 30; the order does not matter.
        searched: how many people each search was made among, at least 1.
        units: (P,) searches that are not independent share a number and are drawn again together; by default
            every search is independent.

    Raises:
        CalibrationError: too few searches, a score that is not finite, or nobody is enrolled.
    """
    scores = checked_scores(best, "searches without a mate")
    if searched < 1:
        raise CalibrationError("nobody is enrolled: a false accept needs somebody enrolled")
    labels = np.arange(scores.size) if units is None else np.asarray(units)
    tail = fit_tail(scores)
    # Units are numbered by their lowest score: what is drawn does not depend on the order of the searches.
    order = np.lexsort((labels, scores))
    scores = scores[order]
    _, first, inverse = np.unique(labels[order], return_index=True, return_inverse=True)
    labels = np.argsort(np.argsort(first))[inverse]
    rng = np.random.default_rng(SEED)
    unit_count = int(labels.max()) + 1
    resampled = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, unit_count, unit_count), minlength=unit_count)
        resampled.append(_fit(np.repeat(scores, times[labels])))
    return SearchTail(scores, tail, tuple(resampled), searched)

"""`binomial_interval`, `error_interval`: confidence intervals of counted rates."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from models.errors import CalibrationError


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval of a rate, both ends in [0, 1]."""

    low: float
    high: float

    def covers(self, rate: float) -> bool:
        """Return True when `rate` lies within."""
        return self.low <= rate <= self.high


def binomial_interval(events: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a rate for independent trials (Clopper and Pearson 1934).

    0 events in n trials give [0, upper bound], never [0, 0].

    Raises:
        CalibrationError: no trial, more events than trials, or a confidence outside (0, 1).
    """
    _check(events, trials, confidence)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if events == 0 else float(special.betaincinv(events, trials - events + 1, tail))
    high = 1.0 if events == trials else float(special.betaincinv(events + 1, trials - events, 1.0 - tail))
    return Interval(low, high)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """Return the one-sided exact upper bound of a rate.

    For 0 events it is 1 - (1 - confidence)^(1/n), about 3/n at 95%.

    Raises:
        CalibrationError: as `binomial_interval`.
    """
    _check(events, trials, confidence)
    return 1.0 if events == trials else float(special.betaincinv(events + 1, trials - events, confidence))


def upper_bounds(count: int, trials: int, confidence: float = 0.95) -> npt.NDArray[np.float64]:
    """Return `upper_bound` for 0 to `count` - 1 events, float64 (count,), rising; count <= trials.

    Raises:
        CalibrationError: as `binomial_interval`.
    """
    _check(max(0, count - 1), trials, confidence)
    events = np.arange(count)
    return np.asarray(special.betaincinv(events + 1, trials - events, confidence), np.float64)


def bootstrap_over_people(
    statistic: Callable[[npt.NDArray[np.intp]], float],
    people: npt.ArrayLike,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a statistic when *people* are drawn again, with all their scores.

    Scores that share a person are not independent, so drawing scores would state too narrow an interval
    (Bolle, Ratha and Pankanti 2004, "Error analysis of pattern recognition systems: the subsets bootstrap").

    Args:
        statistic: takes row numbers (repeats allowed) and returns the rate of those rows.
        people: (N,) who each row belongs to.
        confidence: of the interval, in (0, 1).
        resamples: how often people are drawn.
        seed: the same seed gives the same interval.

    Raises:
        CalibrationError: nobody is given, or the confidence is outside (0, 1).
    """
    labels = np.asarray(people)
    if labels.size == 0:
        raise CalibrationError("a bootstrap over people needs people")
    _check(0, 1, confidence)
    _, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    rng = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([groups[g] for g in rng.integers(0, len(groups), len(groups))]))
        for _ in range(resamples)
    ]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def error_interval(
    errors: npt.ArrayLike, people: npt.ArrayLike, confidence: float = 0.95, resamples: int = 1000
) -> Interval:
    """Return the interval of a share of errors when people are drawn again; never [0, 0].

    Where nobody or everybody erred, all resamples are equal: then every person counts as one trial.

    Args:
        errors: bool (N,).
        people: (N,) who each row belongs to.
        confidence, resamples: as `bootstrap_over_people`.

    Raises:
        CalibrationError: as `bootstrap_over_people`.
    """
    wrong, labels = np.asarray(errors, dtype=bool), np.asarray(people)
    if wrong.any() and not wrong.all():
        return bootstrap_over_people(lambda rows: float(wrong[rows].mean()), labels, confidence, resamples)
    trials = np.unique(labels).size
    return binomial_interval(trials if wrong.any() else 0, trials, confidence)


def _check(events: int, trials: int, confidence: float) -> None:
    if trials < 1 or not 0 <= events <= trials:
        raise CalibrationError(f"{events} events in {trials} trials give no rate")
    if not 0.0 < confidence < 1.0:
        raise CalibrationError(f"a confidence lies between 0 and 1, not {confidence}")

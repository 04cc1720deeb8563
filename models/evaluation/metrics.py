"""`fmr`, `fnmr`, `fpir`, `fnir`, ...: error rates as ISO/IEC 19795-1:2021 defines them, from similarities.

Every function counts: a share of the scores handed over, without smoothing. `models.evaluation.bounds` gives
their confidence intervals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import CalibrationError

Scores = npt.NDArray[np.float64]


def checked_scores(values: npt.ArrayLike, what: str) -> Scores:
    """Return the values as float64 (N,), N >= 1.

    Raises:
        CalibrationError: none are given, or one is not finite; the message names `what`.
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise CalibrationError(f"no {what}: an error rate needs at least one")
    if not np.isfinite(scores).all():
        raise CalibrationError(f"{what} hold a number that is not finite: find the photograph it comes from")
    return scores


def fmr(nonmated: npt.ArrayLike, threshold: float) -> float:
    """Return the false match rate: the share of non-mated comparisons that reach the threshold, in [0, 1]."""
    return float((checked_scores(nonmated, "non-mated scores") >= threshold).mean())


def fnmr(mated: npt.ArrayLike, threshold: float) -> float:
    """Return the false non-match rate: the share of mated comparisons below the threshold, in [0, 1]."""
    return float((checked_scores(mated, "mated scores") < threshold).mean())


@dataclass(frozen=True, slots=True, eq=False)
class DetCurve:
    """FMR and FNMR, float64 (K,), at every threshold that changes one of them; thresholds rise."""

    thresholds: Scores
    fmr: Scores
    fnmr: Scores


def det_curve(mated: npt.ArrayLike, nonmated: npt.ArrayLike) -> DetCurve:
    """Return the detection error trade-off (Martin et al. 1997).

    It has a point for every distinct score, and one above them all.
    """
    genuine = np.sort(checked_scores(mated, "mated scores"))
    impostor = np.sort(checked_scores(nonmated, "non-mated scores"))
    distinct = np.unique(np.concatenate([genuine, impostor]))
    thresholds = np.append(distinct, np.nextafter(distinct[-1], np.inf))
    return DetCurve(
        thresholds,
        1.0 - np.searchsorted(impostor, thresholds, side="left") / impostor.size,
        np.searchsorted(genuine, thresholds, side="left") / genuine.size,
    )


def equal_error_rate(mated: npt.ArrayLike, nonmated: npt.ArrayLike) -> float:
    """Return the equal error rate: the mean of FMR and FNMR where they are closest. Only to compare by."""
    curve = det_curve(mated, nonmated)
    nearest = int(np.argmin(np.abs(curve.fmr - curve.fnmr)))
    return float((curve.fmr[nearest] + curve.fnmr[nearest]) / 2)


def fnmr_at_fmr(mated: npt.ArrayLike, nonmated: npt.ArrayLike, target: float) -> float:
    """Return the FNMR at the lowest threshold whose FMR is at most `target`."""
    return fnmr(mated, threshold_at_rate(nonmated, target))


def threshold_at_rate(nonmated: npt.ArrayLike, target: float) -> float:
    """Return the lowest threshold at which at most the share `target` of these scores passes.

    With the best scores of strangers' searches this is the threshold of an FPIR, with comparisons of an FMR.

    Raises:
        CalibrationError: `target` is not within [0, 1), or the scores are empty or not finite.
    """
    if not 0.0 <= target < 1.0:
        raise CalibrationError(f"a target rate lies in [0, 1), not {target}")
    falling = np.sort(checked_scores(nonmated, "non-mated scores"))[::-1]
    # The epsilon keeps 0.01 * 300 = 2.9999999999999996 from losing one permitted error.
    permitted = int(np.floor(target * falling.size + 1e-9))
    return float(np.nextafter(falling[permitted], np.inf))


def fpir(strangers_best: npt.ArrayLike, threshold: float) -> float:
    """Return the false positive identification rate: the share of strangers whose best score passes."""
    return float((checked_scores(strangers_best, "strangers' searches") >= threshold).mean())


def fnir(own: npt.ArrayLike, best_other: npt.ArrayLike, threshold: float, min_margin: float = 0.0) -> float:
    """Return the false negative identification rate: the share of mated searches that miss their person.

    Args: as `missed_searches`. Raises CalibrationError, as it does.
    """
    return float(missed_searches(own, best_other, threshold, min_margin).mean())


def missed_searches(
    own: npt.ArrayLike, best_other: npt.ArrayLike, threshold: float, min_margin: float = 0.0
) -> npt.NDArray[np.bool_]:
    """Return which mated searches miss their person, bool (P,).

    A search misses when the person's own score is below the threshold, when another person's is as high, or
    when it is not far enough ahead of it.

    Args:
        own: (P,) score of each probe with the person it shows.
        best_other: (P,) its best score with anybody else; -inf where nobody else is enrolled.
        threshold: of the door.
        min_margin: that the door demands between the best person and the next one, 0 or more.

    Raises:
        CalibrationError: no search, or one without its best score with another person.
    """
    mine = checked_scores(own, "mated searches")
    other = np.asarray(best_other, dtype=np.float64)
    if other.shape != mine.shape or np.isnan(other).any():
        raise CalibrationError("every mated search needs its best score with another person")
    return np.asarray((mine < threshold) | (other >= mine) | (mine - other < min_margin))


def wrong_person_rate(own: npt.ArrayLike, best_other: npt.ArrayLike, threshold: float) -> float:
    """Return the share of mated searches that pass the threshold with the wrong person."""
    mine, other = checked_scores(own, "mated searches"), np.asarray(best_other, dtype=np.float64)
    return float(((other >= mine) & (other >= threshold)).mean())


def failure_rate(failures: int, attempts: int) -> float:
    """Return the FTE (failures to enrol) or FTA (failures to acquire), in [0, 1].

    Raises:
        CalibrationError: no attempt was made, or more failed than were made.
    """
    if attempts < 1 or not 0 <= failures <= attempts:
        raise CalibrationError(f"{failures} failures of {attempts} attempts give no rate")
    return failures / attempts

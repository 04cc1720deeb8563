"""`Evaluator`: measures a release on photographs, by pairs and by open-set identification."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.domain import Embedding, FloatArray, PersonId, Template
from models.errors import CalibrationError
from models.evaluation.bounds import Interval, binomial_interval, error_interval
from models.evaluation.calibration import calibrate
from models.evaluation.identification import OpenSet, search_open_set
from models.evaluation.metrics import (
    Scores,
    equal_error_rate,
    failure_rate,
    fnir,
    fnmr_at_fmr,
    fpir,
    missed_searches,
    threshold_at_rate,
    wrong_person_rate,
)
from models.evaluation.pairs import Pair, accuracy_by_fold, best_threshold, read_pairs
from models.evaluation.photos import EmbeddedPhotos, embed_photos, people_in
from models.evaluation.reference import reference_for, synthetic_cohort
from models.evaluation.thresholds import ErrorRateTargets
from models.ports import Encoder
from models.progress import Progress
from models.release.store import Release
from models.vision.detector import YuNetDetector

WORST_ERRORS = 10
FMR_POINTS = (0.01, 0.001)
FPIR_POINTS = (0.01, 0.003, 0.001)
NO_FACE_SCORE = -1.0
"""The score of a comparison with a photograph that shows no face: no match under any threshold."""


class Evaluator:
    """Embeds photographs as the door does and counts errors.

    Args:
        detector, encoder: the door's.
        release: of the encoder.
        progress: shows progress over the photographs.
        min_margin: how far ahead of the next person the door wants the best one.
    """

    def __init__(
        self,
        detector: YuNetDetector,
        encoder: Encoder,
        release: Release,
        progress: Progress,
        min_margin: float = 0.0,
    ) -> None:
        self._detector = detector
        self._encoder = encoder
        self._release = release
        self._min_margin = min_margin
        self._progress = progress

    def pairs(
        self, path: Path, images: Path, others: tuple[Path, Path] | None, out: Path | None
    ) -> dict[str, Any]:
        """Measure accuracy by fold, error rates and the worst errors, as a dictionary for JSON.

        Args:
            path: of a pairs file in the format of `models.evaluation.pairs.read_pairs`.
            images: folder of the photographs.
            others: pairs file and photographs to take the threshold from; None takes it from the other folds.
            out: folder for plots; None draws none.

        Raises:
            CalibrationError: the file is not a pairs file, or there is nothing to take a threshold from.
            ImageError: a photograph is absent or unreadable.
        """
        listed = read_pairs(path)
        scores, photos = self._scores(listed, images)
        same = np.array([pair.same for pair in listed])
        folds = np.array([pair.fold for pair in listed])
        if others is None:
            by_fold = accuracy_by_fold(scores, same, folds.tolist())
            threshold = best_threshold(scores, same)
            judged = _judged_by_other_folds(scores, same, folds)
        else:
            other_pairs = read_pairs(others[0])
            other_scores, _ = self._scores(other_pairs, others[1])
            threshold = best_threshold(other_scores, [pair.same for pair in other_pairs])
            judged = scores >= threshold
            by_fold = np.array([(judged[folds == n] == same[folds == n]).mean() for n in np.unique(folds)])
        mated, nonmated = scores[same], scores[~same]
        if out is not None:
            _plot(out, mated, nonmated, threshold, ("FMR", "FNMR"))
        return {
            "pairs": len(listed),
            "photos": len(photos.paths),
            "accuracy": float((judged == same).mean()),
            "accuracy_by_fold": by_fold.tolist(),
            "fta": failure_rate(len(photos.failures), len(photos.paths)),
            "fta_interval": _ends(binomial_interval(len(photos.failures), len(photos.paths))),
            "eer": equal_error_rate(mated, nonmated),
            "threshold": threshold,
            "threshold_from": "the other folds" if others is None else str(others[0]),
            "fnmr_at_fmr": {str(point): fnmr_at_fmr(mated, nonmated, point) for point in FMR_POINTS},
            "fnmr_interval_at_fmr_0.01": _ends(_fnmr_interval(listed, scores, same)),
            "worst_errors": _worst_pairs(listed, scores, same, judged),
            "not_acquired": [str(failed) for failed in photos.failures],
        }

    def identification(
        self,
        gallery: Path,
        probes: Path,
        strangers: Path,
        *,
        calibrate_on: Path | None,
        target_fpir: float,
        confidence: float,
        out: Path | None,
    ) -> dict[str, Any]:
        """Measure what a door with this gallery would do, as a dictionary for JSON.

        Args:
            gallery, probes, strangers: folders with a folder per person: who is enrolled, other photographs
                of them, and people who are not enrolled.
            calibrate_on: a folder of further people to find the threshold with, or None.
            target_fpir: the share of strangers that may be accepted.
            confidence: of the bounds and intervals.
            out: folder for plots; None draws none.

        Raises:
            CalibrationError: probes of people who are not in the gallery, or no data for a threshold.
            ImageError: a folder holds no people, or a photograph is unreadable.
        """
        listed = [people_in(folder) for folder in (gallery, probes, strangers)]
        further = {} if calibrate_on is None else people_in(calibrate_on)
        _refuse_overlap(listed[0], listed[1], listed[2], further)
        enrolled, enrolled_photos = self._people(listed[0], "enrolled")
        shown, shown_photos = self._people(listed[1], "probes")
        unknown, unknown_photos = self._people(listed[2], "strangers")
        cohort = None
        if further:
            one_each = {name: paths[:1] for name, paths in further.items()}
            cohort = np.concatenate(list(self._people(one_each, "cohort")[0].values()))
        found = calibrate(
            _templates(enrolled, self._encoder.model_id),
            self._encoder.model_id,
            # Of a single photograph each: one search, not a visit.
            ErrorRateTargets(target_far=target_fpir, visit_s=0.0, confidence=confidence),
            cohort=cohort,
            # With a cohort of the tester's own choice, only that and the gallery itself are sources.
            reference=reference_for(self._release) if cohort is None else None,
            synthetic=synthetic_cohort(self._encoder.model_id) if cohort is None else None,
            min_margin=self._min_margin,
        )
        strange = np.concatenate(list(unknown.values()))
        tested = search_open_set(enrolled, shown, strange)
        threshold = found.identify.threshold.value
        if out is not None:
            _plot(out, tested.own, tested.strangers, threshold, ("FPIR", "FNIR"))
        accepted = int((tested.strangers >= threshold).sum())
        missed_files = shown_photos.failures + unknown_photos.failures
        attempts = len(shown_photos.paths) + len(unknown_photos.paths)
        return {
            "people": len(enrolled),
            "probes": len(tested.own),
            "strangers": len(tested.strangers),
            "target_fpir": target_fpir,
            "threshold": threshold,
            "threshold_from": "the gallery and the cohort" if cohort is not None else "the gallery",
            "expected_fpir": found.identify.expected,
            "fpir_bound": found.identify.bound,
            "fpir": fpir(tested.strangers, threshold),
            "fpir_interval": _ends(binomial_interval(accepted, len(tested.strangers), confidence)),
            "fnir": fnir(tested.own, tested.best_other, threshold, self._min_margin),
            "fnir_interval": _ends(_fnir_interval(tested, threshold, self._min_margin, confidence)),
            "wrong_person": wrong_person_rate(tested.own, tested.best_other, threshold),
            "fte": failure_rate(len(enrolled_photos.failures), len(enrolled_photos.paths)),
            "fta": failure_rate(len(missed_files), attempts),
            "fnir_at_fpir": {str(point): fnir_at(tested, point) for point in FPIR_POINTS},
            "worst_errors": _worst_searches(tested, threshold, unknown_photos.subjects),
            "warnings": list(found.warnings),
            "not_acquired": [str(path) for path in enrolled_photos.failures + missed_files],
        }

    def _scores(self, pairs: Sequence[Pair], images: Path) -> tuple[Scores, EmbeddedPhotos]:
        wanted = sorted({photo for pair in pairs for photo in (pair.first, pair.second)})
        paths = {photo: photo.path_in(images) for photo in wanted}
        photos = self._embed(list(paths.values()), "photographs")
        row = {photo: number for number, photo in enumerate(wanted)}
        first = np.array([row[pair.first] for pair in pairs])
        second = np.array([row[pair.second] for pair in pairs])
        scores = (photos.vectors[first].astype(np.float64) * photos.vectors[second]).sum(axis=1)
        return np.where(photos.acquired[first] & photos.acquired[second], scores, NO_FACE_SCORE), photos

    def _people(
        self, listed: Mapping[str, Sequence[Path]], label: str
    ) -> tuple[dict[str, FloatArray], EmbeddedPhotos]:
        photos = self._embed([path for paths in listed.values() for path in paths], label)
        names = np.repeat(list(listed), [len(paths) for paths in listed.values()])
        found = {}
        for name in listed:
            rows = (names == name) & photos.acquired
            if rows.any():
                found[name] = photos.vectors[rows]
        return found, photos

    def _embed(self, paths: Sequence[Path], label: str) -> EmbeddedPhotos:
        with self._progress(label, len(paths)) as advance:
            return embed_photos(paths, self._detector, self._encoder, advance)


def fnir_at(tested: OpenSet, target: float) -> float:
    """Return the FNIR at the threshold that the share `target` of *these* strangers reaches."""
    return fnir(tested.own, tested.best_other, threshold_at_rate(tested.strangers, target))


def _refuse_overlap(
    enrolled: Collection[str], probes: Collection[str], strangers: Collection[str], cohort: Collection[str]
) -> None:
    """Raise CalibrationError for people in two sets at once: the figures would not be true."""
    faults = {
        "probes of people who are not in the gallery": set(probes) - set(enrolled),
        "strangers who are enrolled": set(strangers) & set(enrolled),
        "people to calibrate on who are tested as well": set(cohort) & (set(enrolled) | set(strangers)),
    }
    for fault, people in faults.items():
        if people:
            raise CalibrationError(f"{fault}: {', '.join(sorted(people)[:5])}")


def _templates(people: Mapping[str, FloatArray], model_id: str) -> list[Template]:
    return [
        Template(f"{name}/{number}", PersonId(name), Embedding(vector.copy(), model_id))
        for name, vectors in people.items()
        for number, vector in enumerate(vectors)
    ]


def _judged_by_other_folds(
    scores: Scores, same: npt.NDArray[np.bool_], folds: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    judged = np.zeros(len(scores), bool)
    for fold in np.unique(folds):
        inside = folds == fold
        judged[inside] = scores[inside] >= best_threshold(scores[~inside], same[~inside])
    return judged


def _fnmr_interval(pairs: Sequence[Pair], scores: Scores, same: npt.NDArray[np.bool_]) -> Interval:
    threshold = threshold_at_rate(scores[~same], FMR_POINTS[0])
    people = [pair.first.person for pair in pairs if pair.same]
    return error_interval(scores[same] < threshold, people)


def _fnir_interval(tested: OpenSet, threshold: float, min_margin: float, confidence: float) -> Interval:
    missed = missed_searches(tested.own, tested.best_other, threshold, min_margin)
    return error_interval(missed, tested.shown, confidence)


def _worst_pairs(
    pairs: Sequence[Pair],
    scores: Scores,
    same: npt.NDArray[np.bool_],
    judged: npt.NDArray[np.bool_],
) -> list[dict[str, Any]]:
    wrong = np.flatnonzero(judged != same).tolist()
    # The furthest on the wrong side first: mates by how low, others by how high they score.
    order = sorted(wrong, key=lambda row: scores[row] if same[row] else -scores[row])
    return [
        {
            "error": "false non-match" if same[row] else "false match",
            "score": float(scores[row]),
            "first": f"{pairs[row].first.person} {pairs[row].first.number}",
            "second": f"{pairs[row].second.person} {pairs[row].second.number}",
        }
        for row in order[:WORST_ERRORS]
    ]


def _worst_searches(tested: OpenSet, threshold: float, strangers: Sequence[str]) -> list[dict[str, Any]]:
    found = [
        {
            "error": "stranger accepted",
            "score": float(tested.strangers[row]),
            "person": strangers[row],
            "as": tested.people[tested.taken_for[row]],
        }
        for row in np.argsort(-tested.strangers, kind="stable")[: WORST_ERRORS // 2]
        if tested.strangers[row] >= threshold
    ]
    for row in np.argsort(tested.own, kind="stable")[: WORST_ERRORS // 2]:
        wrong = tested.best_other[row] >= max(threshold, tested.own[row])
        if wrong or tested.own[row] < threshold:
            entry = {
                "error": "wrong person" if wrong else "enrolled refused",
                "score": float(tested.own[row]),
                "person": tested.people[tested.shown[row]],
            }
            found.append(entry | {"as": tested.people[tested.nearest_other[row]]} if wrong else entry)
    return found


def _plot(out: Path, mated: Scores, nonmated: Scores, threshold: float, names: tuple[str, str]) -> None:
    # matplotlib takes a second to import, and most runs draw nothing.
    from models.evaluation.plots import save_plots

    save_plots(out, mated, nonmated, threshold, names)


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]

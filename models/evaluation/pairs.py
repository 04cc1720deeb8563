"""`read_pairs`, `accuracy_by_fold`: verification on pairs, as Labeled Faces in the Wild defines it.

Huang et al. 2007, "Labeled Faces in the Wild", "View 2": each fold gets its threshold from the
other folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import CalibrationError
from models.evaluation.metrics import Scores, checked_scores

SAME_FIELDS = 3
DIFFERENT_FIELDS = 4


@dataclass(frozen=True, slots=True, order=True)
class Photo:
    """A person's numbered photograph, from 1."""

    person: str
    number: int

    def path_in(self, images: Path) -> Path:
        """Return `NAME/NAME_0001.jpg` under `images`, or the first file with such a stem."""
        stem = f"{self.person}_{self.number:04d}"
        folder = images / self.person
        return next(iter(sorted(folder.glob(f"{stem}.*"))), folder / f"{stem}.jpg")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photographs, whether they show one person, and the fold they belong to, from 0."""

    first: Photo
    second: Photo
    same: bool
    fold: int


def read_pairs(path: Path) -> list[Pair]:
    """Read LFW's pairs file.

    The first line holds the number of folds and of pairs of each kind in a fold (or the latter alone: one
    fold). Then, fold by fold, lines of `name, number, number` and of `name, number, name, number`.

    Raises:
        CalibrationError: the file is absent or does not keep to that format; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        header = [int(field) for field in lines[0].split()]
        folds, each = header if len(header) == 2 else (1, *header)
    except (OSError, ValueError, IndexError) as error:
        raise CalibrationError(
            f"{path} is not a file of pairs: its first line says folds and pairs"
        ) from error
    rows = [(number, line.split("\t")) for number, line in enumerate(lines[1:], 2) if line.strip()]
    if len(rows) != folds * each * 2:
        raise CalibrationError(f"{path} announces {folds * each * 2} pairs and holds {len(rows)}")
    return [_pair(path, number, fields, index // (2 * each)) for index, (number, fields) in enumerate(rows)]


def _pair(path: Path, number: int, fields: list[str], fold: int) -> Pair:
    try:
        if len(fields) == SAME_FIELDS:
            name, one, other = fields
            return Pair(Photo(name, int(one)), Photo(name, int(other)), True, fold)
        if len(fields) == DIFFERENT_FIELDS:
            return Pair(Photo(fields[0], int(fields[1])), Photo(fields[2], int(fields[3])), False, fold)
    except ValueError as error:
        raise CalibrationError(f"{path}, line {number}: a photograph's number is expected") from error
    raise CalibrationError(f"{path}, line {number}: 3 or 4 fields are expected, separated by tabs")


def best_threshold(scores: npt.ArrayLike, same: npt.ArrayLike) -> float:
    """Return the threshold of the highest accuracy, in the middle of the widest gap between scores.

    Raises:
        CalibrationError: no scores, or one that is not finite.
    """
    values = checked_scores(scores, "scores of pairs")
    order = np.argsort(values, kind="stable")
    rising, mates = values[order], np.asarray(same, dtype=bool)[order]
    # Cut c accepts everything from position c on.
    accepted_mates = np.append(np.cumsum(mates[::-1])[::-1], 0)
    refused_others = np.insert(np.cumsum(~mates), 0, 0)
    edges = np.concatenate([[rising[0] - 1.0], rising, [rising[-1] + 1.0]])
    correct, gap = accepted_mates + refused_others, np.diff(edges)
    # Equal scores cannot be told apart: a cut between them is no threshold.
    correct = np.where(gap > 0, correct, -1)
    cut = int(np.argmax(np.where(correct == correct.max(), gap, -1.0)))
    if cut == 0 or cut == len(rising):
        return float(rising[0] if cut == 0 else np.nextafter(rising[-1], np.inf))
    return float((edges[cut] + edges[cut + 1]) / 2)


def accuracy_by_fold(scores: npt.ArrayLike, same: npt.ArrayLike, folds: Sequence[int]) -> Scores:
    """Return the accuracy in each fold under the threshold of all other folds: float64 (K,).

    Raises:
        CalibrationError: fewer than two folds.
    """
    values, mates, fold = checked_scores(scores, "scores of pairs"), np.asarray(same, bool), np.asarray(folds)
    numbers = np.unique(fold)
    if len(numbers) < 2:
        raise CalibrationError("one fold has no other to take its threshold from: give --calibrate-on")
    found = []
    for number in numbers:
        inside = fold == number
        threshold = best_threshold(values[~inside], mates[~inside])
        found.append(((values[inside] >= threshold) == mates[inside]).mean())
    return np.array(found)

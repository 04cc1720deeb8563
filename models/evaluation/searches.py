"""`search_cohort`, `search_gallery`, `mated_searches`: searches of a gallery by vectors that are at hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.evaluation.metrics import Scores
from models.gallery.fusion import fuse
from models.gallery.mean import GalleryMean

CHUNK_ROWS = 2048


def search_cohort(cohort: FloatArray, gallery: FloatArray) -> Scores:
    """Return the best score of each stranger: (C, D) against (N, D), N >= 1, unit rows -> float64 (C,)."""
    parts = [(cohort[rows] @ gallery.T).max(axis=1) for rows in _chunks(len(cohort))]
    return np.concatenate(parts).astype(np.float64)


def search_gallery(people: Sequence[FloatArray], gallery: FloatArray) -> tuple[Scores, npt.NDArray[np.int64]]:
    """Search every template among all *other* people.

    Two people who are each other's nearest make one observation, not two: they share a unit, as do all
    templates of one person.

    Args:
        people: the templates of each person, float32 (T, D), in the gallery's order.
        gallery: (N, D) the fused vectors, N >= 2.

    Returns:
        best scores, float64 (P,), and units, int64 (P,): P templates in all.
    """
    owner = np.repeat(np.arange(len(people)), [len(vectors) for vectors in people])
    probes = np.concatenate(list(people))
    best, nearest = np.empty(len(probes)), np.empty(len(probes), np.int64)
    for rows in _chunks(len(probes)):
        scores = probes[rows] @ gallery.T
        scores[np.arange(len(scores)), owner[rows]] = -np.inf
        nearest[rows] = scores.argmax(axis=1)
        best[rows] = scores.max(axis=1)
    partner = np.empty(len(people), np.int64)
    # Written worst first, so that each person's closest neighbour over all templates stays.
    order = np.argsort(best, kind="stable")
    partner[owner[order]] = nearest[order]
    mutual = partner[partner] == np.arange(len(people))
    unit = np.where(mutual, np.minimum(partner, np.arange(len(people))), np.arange(len(people)))
    return best, unit[owner]


@dataclass(frozen=True, slots=True, eq=False)
class MatedSearches:
    """Scores of templates that were left out and searched, as a visit of their person would be.

    Attributes:
        own: float64 (P,) the score with the person's other templates, fused.
        best_other: float64 (P,) the best score with anybody else; -inf when nobody else is enrolled.
        person: int64 (P,) the person whose template it is.
    """

    own: Scores
    best_other: Scores
    person: npt.NDArray[np.int64]


def mated_searches(people: Sequence[FloatArray], gallery: FloatArray, mean: GalleryMean) -> MatedSearches:
    """Leave out each template of everyone with two or more, and search it; P may be 0.

    Args:
        people: the templates of each person, float32 (T, D), in the gallery's order.
        gallery: (N, D + 1) the fused vectors without the gallery mean.
        mean: the gallery mean that was removed from them.
    """
    own: list[float] = []
    probes: list[FloatArray] = []
    person: list[int] = []
    for number, vectors in enumerate(people):
        for row in range(len(vectors) if len(vectors) > 1 else 0):
            probe = mean.remove(vectors[row])
            own.append(float(probe @ mean.remove(fuse(np.delete(vectors, row, axis=0)))))
            probes.append(probe)
            person.append(number)
    best_other = np.full(len(own), -np.inf)
    owner = np.array(person, np.int64)
    for rows in _chunks(len(own)):
        scores = np.stack(probes[rows]) @ gallery.T
        scores[np.arange(len(scores)), owner[rows]] = -np.inf
        best_other[rows] = scores.max(axis=1)
    return MatedSearches(np.array(own), best_other, owner)


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, count))

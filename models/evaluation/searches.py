"""`search_cohort`, `search_gallery`, `mated_searches`: searches of a gallery by vectors that are at hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.evaluation.metrics import Scores
from models.gallery.fusion import fuse
from models.gallery.mean import GalleryMean

MAX_CHUNK_SCORES = 2**23
"""Scores in memory at once: 32 MB of float32."""

Rows = npt.NDArray[np.int64]


def search_cohort(cohort: FloatArray, gallery: FloatArray) -> Scores:
    """Return the best score of each stranger: (C, D) against (N, D), N >= 1, unit rows -> float64 (C,)."""
    parts = [(cohort[rows] @ gallery.T).max(axis=1) for rows in _chunks(len(cohort), len(gallery))]
    return np.concatenate(parts).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class GallerySearches:
    """Searches of people's templates among all other people of the gallery.

    Attributes:
        best: float64 (P,) the best score of each template.
        nearest: int64 (P,) the row of the gallery that it belongs to.
        owner: int64 (P,) the row of the template's own person.
        unit: int64 (P,) templates that share a number are one observation: all of one person, and those of
            two people who are each other's nearest.
    """

    best: Scores
    nearest: Rows
    owner: Rows
    unit: Rows

    def nearest_people(self) -> list[tuple[int, int, float]]:
        """Return for each person searched: their row, the row of the person most alike, and the score."""
        order = np.lexsort((-self.best, self.owner))
        first = np.unique(self.owner[order], return_index=True)[1]
        rows = order[first]
        return list(
            zip(self.owner[rows].tolist(), self.nearest[rows].tolist(), self.best[rows].tolist(), strict=True)
        )


def search_gallery(
    people: Sequence[FloatArray], gallery: FloatArray, rows: Rows | None = None
) -> GallerySearches:
    """Search every template among all *other* people.

    Args:
        people: the templates of each person who is searched, float32 (T, D).
        gallery: (N, D) the fused vectors, N >= 2.
        rows: int64, the row of each of these people in the gallery; None when they are all, in its order.
    """
    places = np.arange(len(people)) if rows is None else rows
    owner = np.repeat(places, [len(vectors) for vectors in people])
    probes = np.concatenate(list(people))
    best, nearest = np.empty(len(probes)), np.empty(len(probes), np.int64)
    for part in _chunks(len(probes), len(gallery)):
        scores = probes[part] @ gallery.T
        scores[np.arange(len(scores)), owner[part]] = -np.inf
        nearest[part] = scores.argmax(axis=1)
        best[part] = scores.max(axis=1)
    partner = np.full(len(gallery), -1, np.int64)
    # Written worst first, so that each person's closest neighbour over all templates stays.
    order = np.argsort(best, kind="stable")
    partner[owner[order]] = nearest[order]
    itself = np.arange(len(gallery))
    mutual = (partner >= 0) & (partner[partner] == itself)
    unit = np.where(mutual, np.minimum(partner, itself), itself)
    return GallerySearches(best, nearest, owner, unit[owner])


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


def mated_searches(
    people: Sequence[FloatArray], gallery: FloatArray, mean: GalleryMean, rows: Sequence[int] | None = None
) -> MatedSearches:
    """Leave out each template of everyone with two or more, and search it; P may be 0.

    Args:
        people: the templates of each person, float32 (T, D), in the gallery's order.
        gallery: (N, D + 1) the fused vectors without the gallery mean.
        mean: the gallery mean that was removed from them.
        rows: of the people who are searched; None searches all.
    """
    own: list[float] = []
    probes: list[FloatArray] = []
    person: list[int] = []
    for number in range(len(people)) if rows is None else rows:
        vectors = people[number]
        for row in range(len(vectors) if len(vectors) > 1 else 0):
            probe = mean.remove(vectors[row])
            own.append(float(probe @ mean.remove(fuse(np.delete(vectors, row, axis=0)))))
            probes.append(probe)
            person.append(number)
    best_other = np.full(len(own), -np.inf)
    owner = np.array(person, np.int64)
    for part in _chunks(len(own), len(gallery)):
        scores = np.stack(probes[part]) @ gallery.T
        scores[np.arange(len(scores)), owner[part]] = -np.inf
        best_other[part] = scores.max(axis=1)
    return MatedSearches(np.array(own), best_other, owner)


def _chunks(count: int, width: int) -> Iterator[slice]:
    rows = max(1, MAX_CHUNK_SCORES // max(1, width))
    for start in range(0, count, rows):
        yield slice(start, min(start + rows, count))

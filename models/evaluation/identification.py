"""`search_open_set`: open-set identification, probes of enrolled people and of strangers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.errors import CalibrationError
from models.evaluation.metrics import Scores
from models.evaluation.searches import search_cohort
from models.gallery.fusion import fuse
from models.gallery.mean import GalleryMean


@dataclass(frozen=True, slots=True, eq=False)
class OpenSet:
    """Scores of a gallery with probes of enrolled people and with strangers.

    Attributes:
        people: names, in the gallery's order.
        own: float64 (P,) the score of each probe with the person it shows.
        best_other: float64 (P,) its best score with anybody else; -inf with nobody else.
        nearest_other: int64 (P,) who that is, as a place in `people`.
        shown: int64 (P,) whom each probe shows, as a place in `people`.
        strangers: float64 (S,) the best score of each stranger.
        taken_for: int64 (S,) whom each stranger is most like, as a place in `people`.
    """

    people: tuple[str, ...]
    own: Scores
    best_other: Scores
    nearest_other: npt.NDArray[np.int64]
    shown: npt.NDArray[np.int64]
    strangers: Scores
    taken_for: npt.NDArray[np.int64]


def search_open_set(
    gallery: Mapping[str, FloatArray], probes: Mapping[str, FloatArray], strangers: FloatArray
) -> OpenSet:
    """Search every probe and every stranger, with the fusion and the normalisation of the door's gallery.

    Args:
        gallery: the templates of each person, float32 (T, D).
        probes: other photographs of people in the gallery, float32 (P, D).
        strangers: float32 (S, D) of people who are not in it.

    Raises:
        CalibrationError: nobody is enrolled, or a probe's person is not.
    """
    people = tuple(sorted(gallery))
    missing = sorted(set(probes) - set(people))
    if not people or missing:
        raise CalibrationError(f"probes of people who are not in the gallery: {', '.join(missing[:5])}")
    fused = np.stack([fuse(gallery[name]) for name in people])
    mean = GalleryMean.of(fused)
    rows = mean.remove(fused)
    place = {name: number for number, name in enumerate(people)}
    named = [(place[name], vector) for name in sorted(probes) for vector in probes[name]]
    shown = np.array([number for number, _ in named], np.int64)
    empty = np.empty((0, fused.shape[1]), np.float32)
    mated = mean.remove(np.stack([vector for _, vector in named]) if named else empty)
    scores = (mated @ rows.T).astype(np.float64)
    own = scores[np.arange(len(shown)), shown]
    scores[np.arange(len(shown)), shown] = -np.inf
    unknown = mean.remove(strangers if len(strangers) else empty)
    found = (unknown @ rows.T).astype(np.float64)
    return OpenSet(
        people=people,
        own=own,
        best_other=scores.max(axis=1) if len(shown) else own,
        nearest_other=scores.argmax(axis=1) if len(shown) else shown,
        shown=shown,
        strangers=found.max(axis=1) if len(unknown) else np.empty(0),
        taken_for=found.argmax(axis=1) if len(unknown) else np.empty(0, np.int64),
    )


def search_among(gallery: Sequence[FloatArray], cohort: FloatArray) -> Scores:
    """Return the best score of each member of a cohort in a gallery of templates per person."""
    fused = np.stack([fuse(vectors) for vectors in gallery])
    mean = GalleryMean.of(fused)
    return search_cohort(mean.remove(cohort), mean.remove(fused))

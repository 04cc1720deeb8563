"""`GalleryMean`: removes from every score what all faces of a gallery have in common.

Faces seen by one camera share its light and lens, and a network's faces lie to one side of its space: on LFW
the mean of 800 people has a length of 0.31, not 0. Scores against that mean differ from person to person and
from probe to probe, and push lookalike strangers up. Subtracting each side's score with the mean is a known
normalisation of scores; here it is done to the vectors, so that one inner product gives the result:

    x  ->  [ sqrt(1 - k) * unit(x - c),  sqrt(k) ]        with k = |c|^2

The last number puts back for everybody what was taken out, so that scores stay on the scale of cosines.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.errors import EmbeddingError

HALF_WEIGHT_PEOPLE = 20
"""The mean of this many people counts half; the mean of few people is mostly themselves."""

MAX_LENGTH = 0.5
"""Faces of different people share no more than this; a longer mean is of people who were enrolled twice."""

MIN_DIFFERENCE_LENGTH = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class GalleryMean:
    """The mean of a gallery's faces: float32 (D,), shorter than 1; zero leaves scores cosines."""

    vector: FloatArray

    @classmethod
    def of(cls, people: FloatArray) -> "GalleryMean":
        """Compute the mean of people's fused vectors, float32 (N, D), N >= 1."""
        return cls.of_sum(people.sum(axis=0, dtype=np.float64), len(people))

    @classmethod
    def of_sum(cls, total: npt.NDArray[np.float64], people: int) -> "GalleryMean":
        """Compute it from the sum of so many people's fused vectors, float64 (D,); zero for nobody."""
        mean = total / (people + HALF_WEIGHT_PEOPLE)
        length = float(np.linalg.norm(mean))
        return cls(np.asarray(mean * min(1.0, MAX_LENGTH / max(length, MAX_LENGTH)), dtype=np.float32))

    def scores(self, people: FloatArray, probe: FloatArray) -> FloatArray:
        """Return the scores of a probe, float32 (D,), with people's fused vectors, (N, D): float32 (N,).

        They are the inner products of what `remove` gives, without making it for everybody.

        Raises:
            EmbeddingError: as `remove`.
        """
        centred = self.remove(probe)[:-1]
        shared = float(np.dot(self.vector, self.vector))
        with_probe, with_mean = people @ centred, people @ self.vector  # (N,), (N,)
        lengths = np.sqrt(np.maximum(1.0 - 2.0 * with_mean + shared, 0.0))
        if len(people) and not lengths.min() >= MIN_DIFFERENCE_LENGTH:
            raise EmbeddingError("a face cannot be told from the mean of all faces: it cannot be compared")
        across = with_probe - float(np.dot(self.vector, centred))
        return np.asarray(across * (np.sqrt(1.0 - shared) / lengths) + shared, dtype=np.float32)

    def remove(self, vectors: FloatArray) -> FloatArray:
        """Remove the mean from unit vectors: float32 (..., D) -> unit vectors, float32 (..., D + 1).

        Raises:
            EmbeddingError: they have another dimension, or one is not finite or is itself the mean.
        """
        if vectors.shape[-1:] != self.vector.shape:
            raise EmbeddingError(
                f"the gallery holds {len(self.vector)} numbers a face, not {vectors.shape[-1:]}"
            )
        shared = float(np.dot(self.vector, self.vector))
        rest = vectors - self.vector
        lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths < MIN_DIFFERENCE_LENGTH).any():
            raise EmbeddingError("a face cannot be told from the mean of all faces: it cannot be compared")
        scaled = rest * (np.sqrt(1.0 - shared) / lengths)
        back = np.full((*vectors.shape[:-1], 1), np.sqrt(shared))
        return np.concatenate([scaled, back], axis=-1, dtype=np.float32)

"""`GuardedIndex`: the FAISS index, with checks of what goes in and of what comes out.

An empty FAISS index, or one asked with NaN, answers id -1 with score -3.4e38 and raises nothing. Here such an
answer becomes an error.
"""

from collections.abc import Sequence

import faiss
import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.errors import EmbeddingError, EmptyGalleryError, GalleryError

MAX_SCORE = 1.0 + 2e-3
"""Unit vectors within `models.domain.UNIT_TOLERANCE` have an inner product no larger than this."""


class GuardedIndex:
    """Exact inner-product search over unit vectors; immutable once built.

    Args:
        vectors: float32 (N, D), rows of length 1; N may be 0.

    Raises:
        EmbeddingError: a row is not finite, or the array is not two-dimensional.
    """

    def __init__(self, vectors: FloatArray) -> None:
        if vectors.ndim != 2 or not np.isfinite(vectors).all():
            raise EmbeddingError("the gallery holds a template that is not a finite vector: enrol it again")
        self._index = faiss.IndexFlatIP(int(vectors.shape[1]))
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """D, the numbers per vector."""
        return int(self._index.d)

    def nearest(self, query: FloatArray, count: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Find the rows most like `query`: scores, float32 (K,), falling, and row numbers, int64 (K,).

        K is `count`, or N where the index holds fewer rows.

        Raises:
            EmptyGalleryError: there is no row to compare with.
            EmbeddingError: the query is not a finite vector of D numbers.
            GalleryError: the index gave an impossible answer: a negative row, or a score outside [-1, 1].
        """
        self._check(query)
        if len(self) == 0:
            raise EmptyGalleryError("nobody is enrolled")
        # One query has no work for two threads: a busy machine waits 60 ms for the second and searches 0.1.
        faiss.omp_set_num_threads(1)
        scores, rows = self._index.search(query[np.newaxis], min(count, len(self)))
        if rows.min() < 0 or not np.isfinite(scores).all() or np.abs(scores).max() > MAX_SCORE:
            raise GalleryError("the index gave an impossible answer: rebuild the gallery from the register")
        return scores[0], rows[0]

    def score(self, query: FloatArray, row: int) -> float:
        """Return the inner product of `query` with one row.

        Raises:
            EmbeddingError: the query is not a finite vector of D numbers.
        """
        self._check(query)
        # Given where to write, FAISS answers with numpy even after faiss.contrib.torch_utils has patched it,
        # which pytorch-metric-learning does on import.
        stored = self._index.reconstruct(row, np.empty(self.dimension, np.float32))
        return float(np.dot(stored, query))

    def scores(self, queries: FloatArray, rows: Sequence[int]) -> FloatArray:
        """Return the inner products of some rows with queries (K, D): float32 (len(rows), K).

        Raises:
            EmbeddingError: a query is not a finite vector of D numbers.
        """
        for query in queries:
            self._check(query)
        stored = np.empty((len(rows), self.dimension), np.float32)
        for vector, row in zip(stored, rows, strict=True):
            self._index.reconstruct(row, vector)
        return np.asarray(stored @ queries.T, np.float32)

    def _check(self, query: FloatArray) -> None:
        if query.shape != (self.dimension,):
            raise EmbeddingError(f"the gallery holds {self.dimension} numbers a face, not {query.shape}")
        if not np.isfinite(query).all():
            raise EmbeddingError("the probe is not finite: it cannot be compared")

"""`Gallery`: the people a door searches: immutable, exact, one vector and one score per *person*."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from models.domain import (
    Candidate,
    Embedding,
    FloatArray,
    PersonId,
    ScoreKind,
    ScoreScale,
    SearchResult,
    Template,
)
from models.errors import ModelMismatchError, UnknownPersonError
from models.gallery.fusion import fuse, templates_by_person
from models.gallery.index import GuardedIndex
from models.gallery.mean import GalleryMean


class Gallery:
    """The people a door searches. Build a new one when people change; it is never altered in place.

    Scores are cosines without the gallery's mean (`GalleryMean`): they lie in [-1, 1],
    on one scale for every gallery, but are not the inner products of the embeddings.
    """

    def __init__(self, vectors: Mapping[PersonId, FloatArray], template_count: int, model_id: str) -> None:
        """Take one unit vector per person, in the order of their ids; call `build` instead."""
        self._people = tuple(vectors)
        self._row_of = MappingProxyType({person_id: row for row, person_id in enumerate(self._people)})
        fused = np.stack(list(vectors.values())) if vectors else np.empty((0, 0), np.float32)
        self._mean = GalleryMean.of(fused) if vectors else None
        self._index = None if self._mean is None else GuardedIndex(self._mean.remove(fused))
        self._template_count = template_count
        self._model_id = model_id

    @classmethod
    def build(cls, templates: Sequence[Template], model_id: str) -> "Gallery":
        """Build a gallery of these templates, fused per person; their order does not matter.

        Raises:
            ModelMismatchError: a template was made by another network than `model_id`.
            EmbeddingError: templates differ in dimension, are not finite, or contradict each other.
            GalleryError: two templates have the same id.
        """
        grouped = templates_by_person(templates, model_id)
        fused = {person_id: fuse(vectors) for person_id, vectors in grouped.items()}
        return cls(fused, len(templates), model_id)

    def __len__(self) -> int:
        """The number of templates."""
        return self._template_count

    @property
    def model_id(self) -> str:
        """The network whose embeddings it holds."""
        return self._model_id

    @property
    def scale(self) -> ScoreScale:
        """Of every score of this gallery."""
        return ScoreScale(ScoreKind.CENTRED, self._model_id)

    @property
    def size(self) -> int:
        """The number of people."""
        return len(self._people)

    @property
    def photos_each(self) -> float:
        """Templates per person, on average; 0 in an empty gallery."""
        return self._template_count / max(1, len(self._people))

    @property
    def people(self) -> frozenset[PersonId]:
        """The ids of everyone who can be found."""
        return frozenset(self._people)

    def search(self, embedding: Embedding) -> SearchResult:
        """Find the person most alike and the next *person*; an empty gallery gives no candidates.

        Of equal scores the lower person id comes first.

        Raises:
            ModelMismatchError: the probe was embedded by another network.
            EmbeddingError: the probe is not finite or has another dimension.
            GalleryError: the index gave an impossible answer.
        """
        best, runner_up = (*self.nearest(embedding, 2), None, None)[:2]
        return SearchResult(best, runner_up, self.scale)

    def nearest(self, embedding: Embedding, count: int) -> list[Candidate]:
        """Find the `count` people most alike, or all where there are fewer, in falling order of their scores.

        Of equal scores the lower person id comes first. Raises as `search`.
        """
        self._check_model(embedding)
        if self._index is None or self._mean is None:
            return []
        scores, rows = self._index.nearest(self._mean.remove(embedding.vector), count)
        found = [
            Candidate(self._people[row], score)
            for score, row in zip(scores.tolist(), rows.tolist(), strict=True)
        ]
        return sorted(found, key=lambda candidate: (-candidate.score, candidate.person_id))

    def scores(self, people: Sequence[PersonId], embeddings: Sequence[Embedding]) -> FloatArray:
        """Return the scores of some people for each of K >= 1 probes: float32 (len(people), K).

        Raises:
            UnknownPersonError: one of them is not in the gallery.
            ModelMismatchError, EmbeddingError: as `scores_of`.
        """
        for embedding in embeddings:
            self._check_model(embedding)
        unknown = [person_id for person_id in people if person_id not in self._row_of]
        if unknown or self._index is None or self._mean is None:
            raise UnknownPersonError(f"{', '.join(unknown)} is not in the gallery")
        probes = self._mean.remove(np.stack([embedding.vector for embedding in embeddings]))  # (K, D + 1)
        return self._index.scores(probes, [self._row_of[person_id] for person_id in people])

    def scores_of(self, person_id: PersonId, embedding: Embedding) -> float:
        """Return the score of one person, for a 1:1 check.

        Raises:
            UnknownPersonError: this person is not in the gallery.
            ModelMismatchError: the probe was embedded by another network.
            EmbeddingError: the probe is not finite or has another dimension.
        """
        self._check_model(embedding)
        row = self._row_of.get(person_id)
        if row is None or self._index is None or self._mean is None:
            raise UnknownPersonError(f"{person_id} is not in the gallery")
        return self._index.score(self._mean.remove(embedding.vector), row)

    def _check_model(self, embedding: Embedding) -> None:
        if embedding.model_id != self._model_id:
            raise ModelMismatchError(
                f"a probe of {embedding.model_id} cannot be searched in a gallery of {self._model_id}"
            )

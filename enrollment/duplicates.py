"""`DuplicateIndex`: everybody in the register in memory, to find a face that is enrolled already."""

from collections.abc import Sequence

import numpy as np

from models.domain import Candidate, Embedding, FloatArray, PersonId, ScoreKind, ScoreScale
from models.errors import ModelMismatchError, UnknownPersonError
from models.gallery.fusion import fuse, templates_by_person
from models.gallery.mean import GalleryMean
from models.register.records import PersonStatus
from models.register.register import Register

FIRST_CAPACITY = 64


class DuplicateIndex:
    """Everybody in the register, suspended and revoked people too, one vector per person.

    Scores are those of the door (`models.gallery`). It reads the register again when somebody else has
    changed it, not for each of many enrolments in a row: adding a person takes as long in a large register
    as in a small one, and a search grows with the number of people in proportion.
    """

    def __init__(self, register: Register, model_id: str) -> None:
        self._register = register
        self.scale = ScoreScale(ScoreKind.CENTRED, model_id)
        self.revision = -1
        """The register's gallery revision that this was made of, at the least."""
        self._clear(1)

    @property
    def people(self) -> int:
        """The number of people in it."""
        return len(self._people)

    @property
    def photos_each(self) -> float:
        """Templates per person, on average; 0 when it is empty."""
        return self._template_count / max(1, len(self._people))

    def has(self, person_id: PersonId) -> bool:
        """True for somebody of whom there is a template."""
        return person_id in self._row_of

    def refresh(self) -> None:
        """Read the register again if it has changed since."""
        revision = self._register.gallery_revision()
        if revision == self.revision:
            return
        model_id = self.scale.model_id
        grouped = templates_by_person(self._register.templates(model_id, tuple(PersonStatus)), model_id)
        self._clear(next(iter(grouped.values())).shape[1] if grouped else 1)
        for person_id, vectors in grouped.items():
            self._insert(person_id, vectors)
        self.revision = revision

    def nearest(self, probe: Embedding, count: int = 2) -> list[Candidate]:
        """Return the people most like a probe, the most alike first.

        Raises:
            ModelMismatchError: the probe was embedded by another network.
            EmbeddingError: it cannot be compared.
        """
        scores = self._scores(probe)
        kept = min(count, len(scores))
        if not kept:
            return []
        rows = np.argpartition(-scores, kept - 1)[:kept].tolist()
        found = [Candidate(self._people[row], float(scores[row])) for row in rows]
        return sorted(found, key=lambda candidate: (-candidate.score, candidate.person_id))

    def score(self, person_id: PersonId, probe: Embedding) -> float:
        """Return the score of a probe with one person.

        Raises:
            UnknownPersonError: nobody has that id, or no template of this network.
            ModelMismatchError, EmbeddingError: as `nearest`.
        """
        row = self._row_of.get(person_id)
        if row is None:
            raise UnknownPersonError(f"{person_id} has no template of {self.scale.model_id}")
        return float(self._scores(probe)[row])

    def compare(self, first: Embedding, second: Embedding) -> float:
        """Return the score of two pictures with each other; raises as `nearest`."""
        self._check(first)
        self._check(second)
        mean = self._mean(first.dimension)
        return float(mean.remove(first.vector) @ mean.remove(second.vector))

    def add(self, person_id: PersonId, embeddings: Sequence[Embedding]) -> None:
        """Add a person whom the register has just stored, as its next revision."""
        self._insert(person_id, np.stack([embedding.vector for embedding in embeddings]))
        self.revision += 1

    def _clear(self, dimension: int) -> None:
        self._people: list[PersonId] = []
        self._row_of: dict[PersonId, int] = {}
        self._vectors = np.empty((FIRST_CAPACITY, dimension), np.float32)
        self._total = np.zeros(dimension, np.float64)
        self._template_count = 0

    def _insert(self, person_id: PersonId, vectors: FloatArray) -> None:
        if not self._people and vectors.shape[1] != self._vectors.shape[1]:
            self._clear(vectors.shape[1])
        row, fused = len(self._people), fuse(vectors)
        if row == len(self._vectors):  # twice the room: on average a person is copied once
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[row] = fused
        self._total += fused
        self._row_of[person_id] = row
        self._people.append(person_id)
        self._template_count += len(vectors)

    def _scores(self, probe: Embedding) -> FloatArray:
        self._check(probe)
        if not self._people:
            return np.empty(0, np.float32)
        return self._mean(probe.dimension).scores(self._vectors[: len(self._people)], probe.vector)

    def _mean(self, dimension: int) -> GalleryMean:
        total = self._total if self._people else np.zeros(dimension)
        return GalleryMean.of_sum(total, len(self._people))

    def _check(self, probe: Embedding) -> None:
        if probe.model_id != self.scale.model_id:
            raise ModelMismatchError(
                f"a probe of {probe.model_id} cannot be compared with people of {self.scale.model_id}"
            )

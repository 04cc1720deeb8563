"""`fuse`: combines several templates of one person into one vector.

Measured on LFW, two photos each: comparing with the normalised mean misses 4 in 10 fewer of the enrolled than
taking the best of both templates, at the same rate of strangers accepted (docs/experiments/accuracy.md).
"""

from collections.abc import Iterable

import numpy as np

from models.domain import FloatArray, PersonId, Template
from models.errors import EmbeddingError, GalleryError, ModelMismatchError

MIN_MEAN_LENGTH = 0.1
"""Unit vectors whose mean is shorter point in opposite directions: they are not of one person."""


def fuse(vectors: FloatArray) -> FloatArray:
    """Return the normalised mean of unit vectors: float32 (T, D) -> (D,).

    Raises:
        EmbeddingError: a vector is not finite, or they point in opposite directions.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length < MIN_MEAN_LENGTH:
        raise EmbeddingError("the templates of a person contradict each other: enrol the person again")
    return np.asarray(mean / length, dtype=np.float32)


def templates_by_person(templates: Iterable[Template], model_id: str) -> dict[PersonId, FloatArray]:
    """Group vectors by person, float32 (T, D); people and templates in the order of their ids.

    The order is that of the ids so that results do not depend on the order of `templates`.

    Raises:
        ModelMismatchError: a template was made by another network than `model_id`.
        EmbeddingError: the templates differ in dimension.
        GalleryError: two templates have the same id.
    """
    ordered = sorted(templates, key=lambda template: (template.person_id, template.template_id))
    for template in ordered:
        if template.embedding.model_id != model_id:
            raise ModelMismatchError(
                f"template {template.template_id} is of {template.embedding.model_id}, the gallery of "
                f"{model_id}: embed it again with the active release"
            )
    if len({template.template_id for template in ordered}) < len(ordered):
        raise GalleryError("two templates have the same id: the register is damaged")
    if len({template.embedding.dimension for template in ordered}) > 1:
        raise EmbeddingError("the templates differ in dimension: embed them again with the active release")
    grouped: dict[PersonId, list[FloatArray]] = {}
    for template in ordered:
        grouped.setdefault(template.person_id, []).append(template.embedding.vector)
    return {person_id: np.stack(vectors) for person_id, vectors in grouped.items()}

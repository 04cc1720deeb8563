"""`FlippedEncoder`: embeds a face and its mirror image and averages both, which lowers the error.

Where the crop brings a second crop, the mirror image is taken of that one: the errors of two alignments
average out as well, at no further cost (docs/experiments/accuracy.md has the figures).
"""

import numpy as np

from models.domain import Embedding, FaceCrop
from models.errors import EmbeddingError
from models.ports import Encoder

MIN_SUM_LENGTH = 0.5
"""A face and its mirror image are alike; two unit vectors whose sum is shorter are not of one face."""


class FlippedEncoder:
    """Any encoder, called twice per face. It keeps the inner encoder's `model_id`: give that its own name.

    Args:
        inner: embeds one crop at a time.
    """

    def __init__(self, inner: Encoder) -> None:
        self._inner = inner

    @property
    def model_id(self) -> str:
        """The inner encoder's network id."""
        return self._inner.model_id

    @property
    def dimension(self) -> int:
        """D of the embeddings."""
        return self._inner.dimension

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        """Embed crops, in order: the normalised sum of both embeddings of each.

        Raises:
            EmbeddingError: a crop is not uint8 (112, 112, 3), or an answer has no direction.
        """
        both = self._inner.embed([side for crop in crops for side in (crop, mirrored(crop))])
        return [_average(both[2 * i], both[2 * i + 1]) for i in range(len(crops))]


def mirrored(crop: FaceCrop) -> FaceCrop:
    """Return the mirror image, of the second crop where there is one."""
    image = crop.image if crop.second is None else crop.second
    return FaceCrop(np.ascontiguousarray(image[:, ::-1]))


def _average(one: Embedding, other: Embedding) -> Embedding:
    total = one.vector + other.vector
    length = float(np.linalg.norm(total))
    if not length >= MIN_SUM_LENGTH:
        raise EmbeddingError(
            "the embeddings of a face and of its mirror image contradict each other: take another picture"
        )
    return Embedding(np.asarray(total / length, np.float32), one.model_id)

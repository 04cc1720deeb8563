"""A face and its mirror image, averaged."""

import numpy as np
import pytest

from models.domain import Embedding, FaceCrop
from models.encoders.flipped import FlippedEncoder, mirrored
from models.errors import EmbeddingError
from models.ports import Encoder


class LeftAndRight:
    """Embeds a crop by how bright its left and its right half are."""

    model_id = "halves"
    dimension = 2

    def embed(self, crops):
        vectors = [np.array([c.image[:, :56].mean(), c.image[:, 56:].mean()], np.float32) for c in crops]
        return [Embedding(vector / np.linalg.norm(vector), self.model_id) for vector in vectors]


class Opposite(LeftAndRight):
    def embed(self, crops):
        signs = [1.0 if number % 2 else -1.0 for number in range(len(crops))]
        return [Embedding(np.array([sign, 0], np.float32), self.model_id) for sign in signs]


def crop(left, right):
    image = np.zeros((112, 112, 3), np.uint8)
    image[:, :56], image[:, 56:] = left, right
    return image


def test_the_flipped_encoder_has_the_inner_encoders_id_and_dimension():
    encoder = FlippedEncoder(LeftAndRight())
    assert isinstance(encoder, Encoder)
    assert (encoder.model_id, encoder.dimension) == ("halves", 2)
    assert encoder.embed([]) == []


def test_a_face_and_its_mirror_image_embed_alike():
    encoder = FlippedEncoder(LeftAndRight())
    one, other = encoder.embed([FaceCrop(crop(200, 20)), FaceCrop(crop(20, 200))])
    assert one.vector == pytest.approx(other.vector)
    assert one.vector == pytest.approx([np.sqrt(0.5)] * 2)


def test_the_mirror_image_is_taken_of_the_second_crop():
    face = FaceCrop(crop(200, 0), second=crop(0, 100))
    assert np.array_equal(mirrored(face).image, crop(100, 0))
    assert FlippedEncoder(LeftAndRight()).embed([face])[0].vector == pytest.approx([1, 0])


def test_two_answers_that_contradict_each_other_are_refused():
    with pytest.raises(EmbeddingError):
        FlippedEncoder(Opposite()).embed([FaceCrop(crop(1, 2))])

"""What every encoder keeps to."""

from collections.abc import Callable

import numpy as np
import pytest

from models.domain import FaceCrop
from models.encoders.openvino import OpenVinoEncoder
from models.errors import EmbeddingError
from models.ports import Encoder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import WeightFiles

ENCODERS: dict[str, Callable[[WeightFiles], Encoder]] = {
    "openvino": lambda weights: OpenVinoEncoder(weights.sface, SFACE_MODEL_ID),
    "openvino, side by side": lambda weights: OpenVinoEncoder(
        weights.sface, SFACE_MODEL_ID, threads=2, at_once=2
    ),
}


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest, weights: WeightFiles) -> Encoder:
    return ENCODERS[request.param](weights)


def noise(count: int) -> list[FaceCrop]:
    rng = np.random.default_rng(11)
    return [FaceCrop(rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)) for _ in range(count)]


def test_every_encoder_has_a_model_id_and_a_dimension(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.model_id
    assert encoder.dimension > 0


def test_no_crops_give_no_embeddings(encoder: Encoder) -> None:
    assert encoder.embed([]) == []


def test_embeddings_are_finite_unit_vectors_that_carry_the_networks_name(encoder: Encoder) -> None:
    extremes = [FaceCrop(np.full((112, 112, 3), grey, np.uint8)) for grey in (0, 255)]
    for embedding in encoder.embed([*noise(2), *extremes]):
        assert embedding.model_id == encoder.model_id
        assert embedding.vector.dtype == np.float32
        assert embedding.vector.shape == (encoder.dimension,)
        assert np.isfinite(embedding.vector).all()
        assert np.linalg.norm(embedding.vector) == pytest.approx(1.0, abs=1e-5)


def test_a_crop_is_embedded_alike_alone_and_among_others_and_in_order(encoder: Encoder) -> None:
    crops = noise(4)
    together = encoder.embed(crops)
    for crop, embedding in zip(crops, together, strict=True):
        [alone] = encoder.embed([crop])
        assert np.abs(alone.vector - embedding.vector).max() < 1e-5
    assert np.abs(together[0].vector - together[1].vector).max() > 1e-3


def test_a_later_call_does_not_change_earlier_embeddings(encoder: Encoder) -> None:
    """A result that shares memory with the network's output would change with the next face."""
    first, second = noise(2)
    [embedding] = encoder.embed([first])
    kept = embedding.vector.copy()
    encoder.embed([second])
    assert np.array_equal(embedding.vector, kept)


def test_a_crop_of_another_shape_is_refused(encoder: Encoder) -> None:
    for image in (np.zeros((111, 112, 3), np.uint8), np.zeros((112, 112), np.uint8)):
        with pytest.raises(EmbeddingError, match="112"):
            encoder.embed([FaceCrop(image)])

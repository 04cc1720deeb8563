from pathlib import Path

import numpy as np
import pytest

from models.domain import FaceCrop
from models.encoders.openvino import OpenVinoEncoder, unit_embedding
from models.errors import EmbeddingError, ModelError
from models.ports import Encoder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import WeightFiles
from tests.models.release.test_dequantise import published_session


@pytest.fixture(scope="module")
def encoder(weights: WeightFiles) -> OpenVinoEncoder:
    return OpenVinoEncoder(weights.sface, SFACE_MODEL_ID)


def random_faces(count: int) -> list[FaceCrop]:
    rng = np.random.default_rng(3)
    return [FaceCrop(rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)) for _ in range(count)]


def test_openvino_embeddings_agree_with_the_published_graph(
    encoder: OpenVinoEncoder, weights: WeightFiles
) -> None:
    """Unit vectors, measured over forty random crops: 6.3e-7 at most."""
    published = published_session(weights.sface_original)
    crops = random_faces(4)
    for crop, embedding in zip(crops, encoder.embed(crops), strict=True):
        data = crop.image.transpose(2, 0, 1)[None].astype(np.float32)
        answer = published.run(None, {"data": data})[0][0]
        assert np.abs(embedding.vector - answer / np.linalg.norm(answer)).max() < 1e-5


def test_many_crops_are_embedded_as_one_by_one_and_in_order(encoder: OpenVinoEncoder) -> None:
    crops = random_faces(5)
    together = encoder.embed(crops)
    for crop, embedding in zip(crops, together, strict=True):
        assert np.array_equal(encoder.embed([crop])[0].vector, embedding.vector)
    backwards = encoder.embed(crops[::-1])
    assert all(np.array_equal(a.vector, b.vector) for a, b in zip(together, backwards[::-1], strict=True))


def test_crops_embedded_side_by_side_give_the_same_embeddings_in_order(
    encoder: OpenVinoEncoder, weights: WeightFiles
) -> None:
    crops = random_faces(9)
    wide = OpenVinoEncoder(weights.sface, SFACE_MODEL_ID, threads=3, at_once=3)
    for one, other in zip(encoder.embed(crops), wide.embed(crops), strict=True):
        assert np.abs(one.vector - other.vector).max() < 1e-6


def test_the_openvino_encoder_implements_the_port(encoder: OpenVinoEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.embed([]) == []
    assert encoder.dimension == 128
    embedding = encoder.embed(random_faces(1))[0]
    assert embedding.model_id == encoder.model_id == SFACE_MODEL_ID
    assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-6)


def test_channels_are_red_first(encoder: OpenVinoEncoder) -> None:
    crop = random_faces(1)[0]
    swapped = FaceCrop(np.ascontiguousarray(crop.image[:, :, ::-1]))
    first, second = encoder.embed([crop, swapped])
    assert not np.allclose(first.vector, second.vector, atol=1e-3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((112, 112), np.uint8),
        np.zeros((96, 112, 3), np.uint8),
        np.zeros((112, 112, 3), np.float32),
        np.full((112, 112, 3), np.nan, np.float64),
    ],
)
def test_arrays_that_are_no_crop_are_refused(encoder: OpenVinoEncoder, image: np.ndarray) -> None:
    with pytest.raises(EmbeddingError, match="uint8"):
        encoder.embed([FaceCrop(image)])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_an_embedding_that_is_zero_or_not_finite_is_refused(value: float) -> None:
    answer = np.zeros(128, np.float32)
    answer[5] = value
    with pytest.raises(EmbeddingError, match="cannot be compared"):
        unit_embedding(answer, SFACE_MODEL_ID)


def test_a_file_that_is_no_network_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        OpenVinoEncoder(path, SFACE_MODEL_ID)
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        OpenVinoEncoder(tmp_path / "absent.onnx", SFACE_MODEL_ID)

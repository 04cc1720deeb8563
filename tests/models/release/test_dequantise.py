"""The oracle is ONNX Runtime on the graph as published; it is a development dependency only."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from models.errors import ModelError
from models.release.dequantise import dequantise_node, read_sface
from models.release.folding import fold_convolution
from models.release.weights import WeightFiles


def published_session(path: Path) -> onnxruntime.InferenceSession:
    """The published graph; its weights are listed as inputs too, which ONNX Runtime refuses."""
    model = onnx.load(str(path))
    data = [item for item in model.graph.input if item.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(data)
    return quiet_session(model.SerializeToString())


def quiet_session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options)


def random_crops(count: int, seed: int = 7) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 112, 112)).astype(np.float32)


def test_the_folded_network_is_the_published_one(weights: WeightFiles) -> None:
    """Measured over forty random crops: 2.1e-6 at most, on answers of up to 1.4."""
    crops = random_crops(6)
    published = published_session(weights.sface_original)
    expected = np.concatenate([published.run(None, {"data": crop[None]})[0] for crop in crops])
    folded = quiet_session(weights.sface.read_bytes()).run(["embedding"], {"crop": crops})[0]
    assert folded.shape == (6, 128)
    assert np.abs(folded - expected).max() < 1e-5


def test_blocks_are_dequantised_as_the_operator_says() -> None:
    """Naive loop over elements; the last block is short."""
    rng = np.random.default_rng(1)
    node = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=1, block_size=4)
    quantised = rng.integers(-128, 128, (3, 10)).astype(np.int8)
    scale = rng.random((3, 3)).astype(np.float32)
    zero_point = rng.integers(-5, 5, (3, 3)).astype(np.int8)
    result = dequantise_node(node, {"q": quantised, "s": scale, "z": zero_point})
    for row in range(3):
        for column in range(10):
            block = column // 4
            naive = (float(quantised[row, column]) - float(zero_point[row, block])) * scale[row, block]
            assert result[row, column] == pytest.approx(naive, rel=1e-6)


def test_a_folded_convolution_equals_convolution_then_batch_norm() -> None:
    rng = np.random.default_rng(2)
    arrays = {"u.conv.weight": rng.normal(size=(4, 3, 1, 1)).astype(np.float32)}
    for part in ("weight", "bias", "running_mean"):
        arrays[f"u.bn.{part}"] = rng.normal(size=4).astype(np.float32)
    arrays["u.bn.running_var"] = rng.random(4).astype(np.float32) + 0.1
    weight, bias = fold_convolution(arrays, "u")
    pixel = rng.normal(size=3)
    plain = arrays["u.conv.weight"][:, :, 0, 0] @ pixel
    normalised = (plain - arrays["u.bn.running_mean"]) / np.sqrt(arrays["u.bn.running_var"] + 1e-3)
    expected = normalised * arrays["u.bn.weight"] + arrays["u.bn.bias"]
    np.testing.assert_allclose(weight[:, :, 0, 0] @ pixel + bias, expected, rtol=1e-5)


def test_another_network_is_refused(weights: WeightFiles) -> None:
    with pytest.raises(ModelError, match="not the SFace network"):
        read_sface(weights.detector)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.onnx"
    path.write_bytes(b"\xff\xd8 not a network")
    with pytest.raises(ModelError, match=r"photo\.onnx"):
        read_sface(path)

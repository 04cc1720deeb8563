"""`read_sface`: reads the published, block-quantised SFace file into plain float32 arrays.

Each weight is stored as int8 in blocks with a scale and a zero point per block (ONNX DequantizeLinear, opset
21): `w = (q - zero_point) * scale`, then reshaped. The arrays come back under the names that the torch module
`models.siamese.sface.SFace` gives them, so that one dictionary serves both ways: into torch, and into the
folded network for the kiosk (`models.release.folding`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from models.domain import FloatArray
from models.errors import ModelError

Array = npt.NDArray[Any]
NamedArrays = dict[str, FloatArray]

SEPARABLE_BLOCKS = 13

BATCH_NORM_NAMES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
}


def read_sface(path: Path) -> NamedArrays:
    """Read all parameters of the published SFace file, float32, named as in `SFace.state_dict()`.

    Convolution weights are (out, in / groups, height, width), PReLU slopes (C,), batch norms four times (C,),
    the linear layer (128, 50176) over features flattened in CHW order.

    Raises:
        ModelError: the file is not the SFace network.
    """
    try:
        graph = onnx.load(str(path)).graph
        published = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "DequantizeLinear":
                published[node.output[0]] = dequantise_node(node, published)
            elif node.op_type == "Reshape":
                published[node.output[0]] = published[node.input[0]].reshape(published[node.input[1]])
        return {ours: np.ascontiguousarray(published[theirs], np.float32) for ours, theirs in _names()} | {
            ours: published[theirs].astype(np.float32).reshape(-1) for ours, theirs in _slope_names()
        }
    except (OSError, DecodeError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path.name} is not the SFace network: fetch the weights again ({error})"
        ) from error


def dequantise_node(node: onnx.NodeProto, arrays: dict[str, Array]) -> FloatArray:
    """Undo one DequantizeLinear: float32, of the shape of its quantised input.

    Source: ONNX operator DequantizeLinear-21, blocked form: scale and zero point hold one value for every
    `block_size` elements along `axis`, the last block may be short.
    """
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    quantised, scale, zero_point = (arrays[name] for name in node.input)
    axis = attributes["axis"] % quantised.ndim

    def spread(blocks: Array) -> FloatArray:
        each = np.repeat(blocks.astype(np.float32), attributes["block_size"], axis=axis)
        return each[tuple(slice(0, length) for length in quantised.shape)]

    steps = quantised.astype(np.float32) - spread(zero_point)
    return np.asarray(steps * spread(scale), np.float32)


def _convolutions() -> list[tuple[str, str]]:
    """Return our name and the published name of the 27 convolution units, in the order of the network."""
    units = [("blocks.0", "conv_1")]
    for block in range(1, SEPARABLE_BLOCKS + 1):
        units += [
            (f"blocks.{block}.depthwise", f"conv_{block + 1}_dw"),
            (f"blocks.{block}.pointwise", f"conv_{block + 1}"),
        ]
    return units


def _names() -> list[tuple[str, str]]:
    names = [(f"{ours}.conv.weight", f"{theirs}_conv2d_weight_reshaped") for ours, theirs in _convolutions()]
    batch_norms = [(f"{ours}.bn", f"{theirs}_batchnorm") for ours, theirs in _convolutions()]
    for ours, theirs in [*batch_norms, ("head.bn_in", "bn1"), ("head.bn_out", "fc1")]:
        names += [(f"{ours}.{new}", f"{theirs}_{old}") for old, new in BATCH_NORM_NAMES.items()]
    return [
        *names,
        ("head.linear.weight", "pre_fc1_weight_dequantized"),
        ("head.linear.bias", "pre_fc1_bias_dequantized"),
    ]


def _slope_names() -> list[tuple[str, str]]:
    return [(f"{ours}.act.weight", f"{theirs}_relu_gamma") for ours, theirs in _convolutions()]

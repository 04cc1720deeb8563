"""`write_folded`: the network as the kiosk runs it: float32 ONNX, batch norms folded, preprocessing inside.

At inference a batch norm is a line, `y = scale * x + shift` with `scale = gamma / sqrt(variance + eps)` and
`shift = beta - mean * scale` (Ioffe and Szegedy 2015). Behind a convolution it goes into that convolution's
weight and bias; the two around the linear layer go into it. No torch is needed, so that a kiosk can
make the file itself; re-training exports through the same code.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.domain import FloatArray
from models.release.dequantise import SEPARABLE_BLOCKS, NamedArrays
from models.storage.files import write_atomically
from models.vision.alignment import CROP_PX

Float64Array = npt.NDArray[np.float64]

PIXEL_OFFSET = 127.5
PIXEL_SCALE = 1 / 128
CONV_BN_EPS = 1e-3
HEAD_BN_EPS = 2e-5
STRIDE_2_BLOCKS = frozenset({2, 4, 6, 12})
OPSET = 17
IR_VERSION = 8


def write_folded(arrays: NamedArrays, path: Path) -> None:
    """Write the folded network of `arrays` (named as in `SFace.state_dict()`) to `path`, atomically.

    Input "crop": float32 (N, 3, 112, 112), RGB, 0 to 255, any N. Output "embedding": float32 (N, D), not
    normalised.

    Raises:
        OSError: `path` cannot be written.
    """
    write_atomically(path, folded_model(arrays).SerializeToString(deterministic=True))


def folded_model(arrays: NamedArrays) -> onnx.ModelProto:
    """Build the folded network as an ONNX model; see `write_folded` for its input and output."""
    dimension, features = arrays["head.linear.weight"].shape
    graph = _Graph()
    flow = graph.add("Sub", ["crop", graph.constant("pixel_offset", np.float32(PIXEL_OFFSET))])
    flow = graph.add("Mul", [flow, graph.constant("pixel_scale", np.float32(PIXEL_SCALE))])
    flow = _convolve(graph, arrays, "blocks.0", flow, stride=1, depthwise=False)
    for block in range(1, SEPARABLE_BLOCKS + 1):
        stride = 2 if block in STRIDE_2_BLOCKS else 1
        flow = _convolve(graph, arrays, f"blocks.{block}.depthwise", flow, stride=stride, depthwise=True)
        flow = _convolve(graph, arrays, f"blocks.{block}.pointwise", flow, stride=1, depthwise=False)
    weight, bias = fold_head(arrays)
    flow = graph.add("Flatten", [flow], axis=1)
    inputs = [flow, graph.constant("head.weight", weight), graph.constant("head.bias", bias)]
    graph.nodes.append(helper.make_node("Gemm", inputs, ["embedding"], name="embedding", transB=1))
    return graph.model(features=features, dimension=dimension)


def fold_convolution(arrays: NamedArrays, unit: str) -> tuple[FloatArray, FloatArray]:
    """Fold a batch norm into its convolution: returns weight (out, in / groups, h, w) and bias (out,)."""
    scale, shift = _line(arrays, f"{unit}.bn", CONV_BN_EPS)
    weight = arrays[f"{unit}.conv.weight"].astype(np.float64)
    return (weight * scale[:, None, None, None]).astype(np.float32), shift.astype(np.float32)


def fold_head(arrays: NamedArrays) -> tuple[FloatArray, FloatArray]:
    """Fold the batch norms around the linear layer into it: returns weight (D, C * 49) and bias (D,)."""
    scale_in, shift_in = _line(arrays, "head.bn_in", HEAD_BN_EPS)
    scale_out, shift_out = _line(arrays, "head.bn_out", HEAD_BN_EPS)
    weight = arrays["head.linear.weight"].astype(np.float64)
    bias = arrays["head.linear.bias"].astype(np.float64)
    pixels = weight.shape[1] // scale_in.shape[0]
    bias = (bias + weight @ np.repeat(shift_in, pixels)) * scale_out + shift_out
    weight = weight * np.repeat(scale_in, pixels)[None, :] * scale_out[:, None]
    return weight.astype(np.float32), bias.astype(np.float32)


def _line(arrays: NamedArrays, name: str, eps: float) -> tuple[Float64Array, Float64Array]:
    """Scale and shift of a batch norm, float64 (C,): folding must not cost accuracy."""
    gamma, beta, mean, variance = (
        arrays[f"{name}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + eps)
    return scale, beta - mean * scale


class _Graph:
    """An ONNX graph under construction: every node's output is named after the node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: FloatArray | np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def model(self, features: int, dimension: int) -> onnx.ModelProto:
        crop = helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["n", 3, CROP_PX, CROP_PX])
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dimension])
        graph = helper.make_graph(self.nodes, f"sface_folded_{features}", [crop], [embedding], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="doorward"
        )
        onnx.checker.check_model(model)
        return model


def _convolve(
    graph: _Graph, arrays: NamedArrays, unit: str, flow: str, *, stride: int, depthwise: bool
) -> str:
    """Append one folded convolution and its PReLU; returns the name of the result."""
    weight, bias = fold_convolution(arrays, unit)
    kernel = weight.shape[2]
    inputs = [flow, graph.constant(f"{unit}.weight", weight), graph.constant(f"{unit}.bias", bias)]
    flow = graph.add(
        "Conv",
        inputs,
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[kernel // 2] * 4,
        group=weight.shape[0] if depthwise else 1,
    )
    slope = arrays[f"{unit}.act.weight"].reshape(-1, 1, 1)
    return graph.add("PRelu", [flow, graph.constant(f"{unit}.slope", slope)])

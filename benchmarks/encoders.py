"""Measures milliseconds per face of SFace on one CPU thread, for every runtime that is installed.

    python -m benchmarks.encoders [--weights FOLDER] [--faces 200]

One crop at a time, as a door sees them; the median over all crops after a warm-up. Each line also tells how
far the answer is from the published graph's, as the largest difference over the unit vectors.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import openvino
import torch

from models.domain import FaceCrop
from models.encoders.openvino import OpenVinoEncoder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import WeightFiles, ensure_weights
from models.siamese.sface import load_sface

FloatArray = npt.NDArray[np.float32]
Run = Callable[[npt.NDArray[np.uint8]], FloatArray]
WARM_UP = 10


def with_openvino(weights: WeightFiles) -> Run:
    """Embed with the encoder that doors use."""
    encoder = OpenVinoEncoder(weights.sface, SFACE_MODEL_ID, threads=1)
    return lambda crop: encoder.embed([FaceCrop(crop)])[0].vector


def with_onnx_runtime(path: Path, input_name: str) -> Run:
    """Embed with ONNX Runtime's CPU provider."""
    import onnx

    model = onnx.load(str(path))
    wanted = [item for item in model.graph.input if item.name == input_name]
    del model.graph.input[:]
    model.graph.input.extend(wanted)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda crop: unit(session.run(None, {input_name: planes(crop)})[0][0])


def with_torch(weights: WeightFiles) -> Run:
    """Embed with the torch module that is trained."""
    torch.set_num_threads(1)
    network = load_sface(weights.sface_original)

    def run(crop: npt.NDArray[np.uint8]) -> FloatArray:
        with torch.inference_mode():
            return unit(network(torch.from_numpy(planes(crop)))[0].numpy())

    return run


def with_opencv(weights: WeightFiles) -> Run:
    """Embed with OpenCV's own DNN module."""
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(weights.sface))

    def run(crop: npt.NDArray[np.uint8]) -> FloatArray:
        network.setInput(planes(crop))
        return unit(network.forward()[0])

    return run


def planes(crop: npt.NDArray[np.uint8]) -> FloatArray:
    """uint8 (112, 112, 3) -> float32 (1, 3, 112, 112)."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)


def unit(vector: FloatArray) -> FloatArray:
    """Scale to length 1."""
    return vector / np.linalg.norm(vector)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    parser.add_argument("--faces", type=int, default=200)
    given = parser.parse_args()
    weights = ensure_weights(given.weights)
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (given.faces, 112, 112, 3), dtype=np.uint8)
    runs: dict[str, Run] = {
        "published graph, ONNX Runtime": with_onnx_runtime(weights.sface_original, "data"),
        f"OpenVINO {openvino.__version__.split('-')[0]}, float32": with_openvino(weights),
        f"ONNX Runtime {onnxruntime.__version__}, float32": with_onnx_runtime(weights.sface, "crop"),
        f"OpenCV DNN {cv2.__version__}, float32": with_opencv(weights),
        f"torch {torch.__version__}, eager, float32": with_torch(weights),
    }
    expected = [runs["published graph, ONNX Runtime"](crop) for crop in crops[:WARM_UP]]
    print("| runtime | ms per face, median | 95% | largest difference |\n|---|---|---|---|")
    for name, run in runs.items():
        furthest = max(
            float(np.abs(run(crop) - right).max())
            for crop, right in zip(crops[:WARM_UP], expected, strict=True)
        )
        times_ms = []
        for crop in crops:
            begun = time.perf_counter()
            run(crop)
            times_ms.append(1000 * (time.perf_counter() - begun))
        print(
            f"| {name} | {np.median(times_ms):.1f} | {np.percentile(times_ms, 95):.1f} | {furthest:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

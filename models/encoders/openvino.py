"""`OpenVinoEncoder`: the encoder that doors use, on the CPU in float32."""

from pathlib import Path
from typing import Any, cast

import numpy as np

from models.domain import Embedding, FaceCrop, FloatArray
from models.encoders.signal_stack import kept_signal_stack
from models.errors import EmbeddingError, ModelError
from models.vision.alignment import CROP_PX

CROP_SHAPE = (CROP_PX, CROP_PX, 3)
MIN_LENGTH = 1e-6


class OpenVinoEncoder:
    """Embeds aligned crops with a network that takes "crop" and gives "embedding" (`models.release.folding`).

    Args:
        model_path: the ONNX file.
        model_id: what every embedding carries.
        threads: of the CPU; 1 leaves the other cores to the camera and the detector.
        at_once: how many crops are embedded side by side, on a share of the threads each; 1 is the fastest
            for one crop, and as many as threads for many. The embeddings are the same.

    Raises:
        ModelError: the file is absent or is not such a network.
    """

    def __init__(self, model_path: Path, model_id: str, threads: int = 1, at_once: int = 1) -> None:
        import openvino  # a third of a second that `doorward people` need not wait for

        self._model_id = model_id
        properties = {
            "PERFORMANCE_HINT": "LATENCY" if at_once == 1 else "THROUGHPUT",
            "NUM_STREAMS": at_once,
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            # Pinned threads would all sit on the first cores, and several encoders would fight for them.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            core = openvino.Core()
            model = core.read_model(str(model_path))
            model.reshape([1, 3, CROP_PX, CROP_PX])
            with kept_signal_stack():
                network = core.compile_model(model, "CPU", properties)
                self._request = network.create_infer_request()
                self._queue = openvino.AsyncInferQueue(network, at_once) if at_once > 1 else None
            self._dimension = int(model.output("embedding").shape[1])
        except RuntimeError as error:
            raise ModelError(
                f"{model_path} is not a network that can be run: fetch the weights or choose another release"
            ) from error
        self._input: FloatArray = np.empty((1, 3, CROP_PX, CROP_PX), np.float32)

    @property
    def model_id(self) -> str:
        """The network and its preprocessing."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """D of the embeddings."""
        return self._dimension

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        """Embed crops, each by itself, in order: unit vectors, float32 (D,).

        That is as fast as a batch, and cannot depend on what else is in the batch.

        Raises:
            EmbeddingError: a crop is not uint8 (112, 112, 3), or the network's answer has no direction.
        """
        for crop in crops:
            if crop.image.shape != CROP_SHAPE or crop.image.dtype != np.uint8:
                raise EmbeddingError(
                    f"a crop is uint8 {CROP_SHAPE}, not {crop.image.dtype} {crop.image.shape}"
                )
        answers = self._side_by_side(crops, self._queue) if self._queue else map(self._ask, crops)
        return [unit_embedding(answer, self._model_id) for answer in answers]

    def _ask(self, crop: FaceCrop) -> FloatArray:
        np.copyto(self._input[0], crop.image.transpose(2, 0, 1))
        return cast(FloatArray, self._request.infer({0: self._input}, share_inputs=True)[0][0])

    def _side_by_side(self, crops: list[FaceCrop], queue: Any) -> FloatArray:
        answers = np.full((len(crops), self._dimension), np.nan, np.float32)

        def keep(request: Any, row: int) -> None:
            answers[row] = request.get_output_tensor(0).data[0]

        queue.set_callback(keep)
        for row, crop in enumerate(crops):
            pixels = crop.image.transpose(2, 0, 1)[None].astype(np.float32)  # (1, 3, 112, 112)
            queue.start_async({0: pixels}, row)
        queue.wait_all()
        return answers


def unit_embedding(answer: FloatArray, model_id: str) -> Embedding:
    """Scale a network's answer, float32 (D,), to length 1.

    Raises:
        EmbeddingError: it is not finite, or too short to have a direction.
    """
    length = float(np.linalg.norm(answer))
    if not np.isfinite(length) or length < MIN_LENGTH:
        raise EmbeddingError(
            f"the network answered with a vector of length {length}: the face cannot be compared"
        )
    return Embedding(np.asarray(answer / length, np.float32), model_id)

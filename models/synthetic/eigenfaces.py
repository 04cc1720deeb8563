"""`Eigenfaces`: an average face and the directions in which faces differ; synthetic people are drawn from it.

Turk and Pentland 1991, "Eigenfaces for recognition". The texture is that of faces whose landmarks were moved
to the same places first; where the landmarks lie is a second, small space (Cootes, Edwards and Taylor 2001,
"Active appearance models"). `python -m models.synthetic.fit` makes the file.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from models.domain import FloatArray
from models.errors import ModelError
from models.synthetic.geometry import MEAN_SHAPE, WINDOW_PX, Numbers, spline_map

EIGENFACES_FILE = Path(__file__).with_name("eigenfaces.npz")

CHROMA_PX = 32
"""Colour is stored at a third of the resolution: the difference is hardly visible."""

_LUMA_SIZE = WINDOW_PX * WINDOW_PX
_CHROMA_SIZE = CHROMA_PX * CHROMA_PX
VECTOR_SIZE = _LUMA_SIZE + 2 * _CHROMA_SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Eigenfaces:
    """A basis of face textures and a basis of face shapes.

    Attributes:
        mean: float32 (V,): the average texture as `vector_of` lays it out.
        components: float32 (K, V): unit directions, in falling order of how much faces differ along them.
        deviations: float32 (K,): how much, in grey levels.
        shape_components: float32 (S, 10): unit directions in which landmarks move, x and y of five points.
        shape_deviations: float32 (S,): how much, in pixels.
    """

    mean: FloatArray
    components: FloatArray
    deviations: FloatArray
    shape_components: FloatArray
    shape_deviations: FloatArray

    def texture(self, coordinates: Numbers) -> FloatArray:
        """Draw the face at `coordinates`, float (K,) in deviations: float32 (96, 96, 3), BGR."""
        return image_of(self.mean + (coordinates * self.deviations) @ self.components)

    def shape(self, coordinates: Numbers) -> FloatArray:
        """Place the landmarks at `coordinates`, float (S,) in deviations: float32 (5, 2), in the window."""
        moved = (coordinates * self.shape_deviations) @ self.shape_components
        return np.asarray(MEAN_SHAPE + moved.reshape(5, 2), np.float32)

    def face(self, texture: Numbers, shape: Numbers) -> FloatArray:
        """Return texture and shape combined: float32 (96, 96, 3), BGR."""
        moves = spline_map(MEAN_SHAPE, self.shape(shape))
        drawn = cv2.remap(
            self.texture(texture), moves, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(drawn, np.float32)


def vector_of(image: FloatArray) -> FloatArray:
    """Lay a float32 (96, 96, 3) BGR face out as float32 (V,): luma, then both colour differences, shrunk."""
    luma, red, blue = cv2.split(cv2.cvtColor(image / 255.0, cv2.COLOR_BGR2YCrCb) * 255.0)
    size = (CHROMA_PX, CHROMA_PX)
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA).ravel() for plane in (red, blue)]
    return np.concatenate([luma.ravel(), *small]).astype(np.float32)


def image_of(vector: Numbers) -> FloatArray:
    """Invert `vector_of`, except for the colour that was shrunk: float32 (96, 96, 3), BGR."""
    luma = vector[:_LUMA_SIZE].reshape(WINDOW_PX, WINDOW_PX)
    size = (WINDOW_PX, WINDOW_PX)
    red, blue = (
        cv2.resize(plane.reshape(CHROMA_PX, CHROMA_PX), size, interpolation=cv2.INTER_CUBIC)
        for plane in (vector[_LUMA_SIZE : _LUMA_SIZE + _CHROMA_SIZE], vector[_LUMA_SIZE + _CHROMA_SIZE :])
    )
    planes = cv2.merge([luma, red, blue]).astype(np.float32) / 255.0
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR) * 255.0, np.float32)


# Components are stored as int8 in steps of a quarter of their own spread: 0.5% of their energy is lost, and
# the file packs to about four bits a number.
_STEP = 0.25


def save_eigenfaces(faces: Eigenfaces, path: Path) -> None:
    """Write the basis in its compact form. Raises OSError."""
    spread = faces.components.std(axis=1, keepdims=True) * _STEP
    np.savez_compressed(
        path,
        mean=np.round(faces.mean).astype(np.uint8),
        components=np.clip(np.round(faces.components / spread), -127, 127).astype(np.int8),
        deviations=faces.deviations.astype(np.float32),
        shape_components=faces.shape_components.astype(np.float32),
        shape_deviations=faces.shape_deviations.astype(np.float32),
    )


@cache
def load_eigenfaces(path: Path = EIGENFACES_FILE) -> Eigenfaces:
    """Read the basis; the same path is read once.

    Raises:
        ModelError: the file is absent or is not such a basis.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            steps = stored["components"].astype(np.float32)
            parts = {name: stored[name].astype(np.float32) for name in stored.files if name != "components"}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"no synthetic faces at {path.name}: run `python -m models.synthetic.fit`"
        ) from error
    components = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    return Eigenfaces(components=components, **parts)

"""`SyntheticPerson`: a point in the space of faces, which looks a little different on each visit."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from models.domain import FloatArray, ImageArray
from models.synthetic.eigenfaces import load_eigenfaces
from models.synthetic.figure import Figure, draw_figure, draw_print
from models.synthetic.geometry import Numbers, Pose
from models.synthetic.painting import Placement, paint

# Largest coordinate of a person, in deviations from the average: beyond it faces look unnatural.
_MAX_DEVIATIONS = 2.0
# The first components are mostly light; the difference between the halves of a face is mostly side light.
_LIGHT_COMPONENTS = 8
_LIGHT_SHARE = 0.6
_ONE_SIDED_SHARE = 0.4
# How much the coordinates change from visit to visit, in deviations: expression, and all that looks like it.
_VISIT_TEXTURE = 0.22
_VISIT_SHAPE = 0.2


@dataclass(frozen=True, slots=True)
class DailyLook:
    """What differs from one visit to the next, besides the pose.

    Attributes:
        texture, shape: how much the face's own coordinates change, in deviations.
        light: gain of the light, 1 is usual.
        warmth: above 0 redder light, below 0 bluer.
        side_light: how much brighter the right half is than the left, -1 to 1.
        blur_px: how far out of focus, in pixels of the eigenfaces' window.
    """

    texture: Numbers
    shape: Numbers
    light: float
    warmth: float
    side_light: float
    blur_px: float


@dataclass(frozen=True)
class SyntheticPerson:
    """A person who does not exist.

    Args:
        seed: the same seed is the same person, on every machine.
    """

    seed: int

    @cached_property
    def _coordinates(self) -> tuple[Numbers, Numbers]:
        faces = load_eigenfaces()
        rng = np.random.default_rng([self.seed, 1])
        texture = np.clip(rng.standard_normal(len(faces.deviations)), -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        texture[:_LIGHT_COMPONENTS] *= _LIGHT_SHARE
        shape = np.clip(rng.standard_normal(len(faces.shape_deviations)), -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        return texture, shape

    def face(self, look: DailyLook | None = None) -> FloatArray:
        """Draw the bare face in the window, float32 (96, 96, 3), BGR; without a look, as it is on average."""
        faces = load_eigenfaces()
        texture, shape = self._coordinates
        if look is not None:
            texture, shape = texture + look.texture, shape + look.shape
        drawn = faces.face(texture, shape)
        mirrored = drawn[:, ::-1]
        return np.asarray((drawn + mirrored) / 2 + _ONE_SIDED_SHARE * (drawn - mirrored) / 2, np.float32)

    def visit(self, seed: int) -> Figure:
        """Draw the person as on one visit, ready to paint; the same two seeds give the same figure."""
        look = _draw_look(np.random.default_rng([self.seed, 2, seed]))
        face = _lit(self.face(look), look)
        return draw_figure(face, np.random.default_rng([self.seed, 3]))

    def print_out(self, seed: int) -> Figure:
        """Draw a photograph of the person on paper, held before the camera: it turns as a plane."""
        return draw_print(self.portrait(seed=seed), self.visit(seed))

    def portrait(self, size: int = 250, seed: int = 0) -> ImageArray:
        """Draw a photo to enrol with.

        Args:
            size: side of the picture in pixels, at least 100.
            seed: another seed is another photo of the same person.

        Returns:
            uint8 (size, size, 3), BGR.
        """
        rng = np.random.default_rng([self.seed, 4, seed])
        wall = rng.uniform(110, 210) + rng.normal(0.0, 9.0, 3)
        ramp = np.linspace(1.08, rng.uniform(0.75, 0.95), size)[:, None, None]
        picture = np.clip(np.broadcast_to(wall * ramp, (size, size, 3)), 0, 255).astype(np.uint8)
        pose = Pose(*rng.normal(0.0, (5.0, 3.0, 2.0)))
        place = Placement(x=size * 0.5, y=size * 0.47, scale=size / 145.0, pose=pose)
        paint(picture, self.visit(seed), place)
        noise = rng.normal(0.0, 1.5, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _draw_look(rng: np.random.Generator) -> DailyLook:
    faces = load_eigenfaces()
    return DailyLook(
        texture=rng.normal(0.0, _VISIT_TEXTURE, len(faces.deviations)),
        shape=rng.normal(0.0, _VISIT_SHAPE, len(faces.shape_deviations)),
        light=float(rng.uniform(0.8, 1.15)),
        warmth=float(rng.uniform(-0.06, 0.06)),
        side_light=float(rng.uniform(-0.35, 0.35)),
        blur_px=float(rng.uniform(0.0, 0.5)),
    )


def _lit(face: FloatArray, look: DailyLook) -> FloatArray:
    """Apply the light of the visit to the face."""
    side = 1.0 + look.side_light * np.linspace(-0.5, 0.5, face.shape[1])[None, :, None]
    colour = look.light * np.array([1.0 - look.warmth, 1.0, 1.0 + look.warmth])
    lit = np.clip(face * side * colour, 0.0, 255.0).astype(np.float32)
    return lit if look.blur_px < 0.1 else np.asarray(cv2.GaussianBlur(lit, (0, 0), look.blur_px), np.float32)

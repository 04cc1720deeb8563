"""`paint`: paints a figure into a picture, turned, at any place and size, fast enough for a live camera."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from models.domain import Box, FloatArray, ImageArray
from models.synthetic.figure import Figure, Sprite
from models.synthetic.geometry import HEAD_CENTRE, MEAN_SHAPE, Numbers, Pose, project, turn_map

# The turn is computed at this many points each way and interpolated between them.
_GRID = 33

# The part of a head that detectors draw their box around: centre and radii in pixels of the window.
_FACE_CENTRE = (47.5, 54.0)
_FACE_RADII = (27.0, 36.0)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a figure stands in a picture.

    Attributes:
        x, y: the middle of the head, in pixels of the picture.
        scale: pixels of the picture for one pixel of the eigenfaces' window; a face has about 70.
        pose: how the head, or the photograph, is turned.
    """

    x: float
    y: float
    scale: float
    pose: Pose = field(default_factory=Pose)

    def to_picture(self, points: Numbers) -> FloatArray:
        """Convert points of the window, (N, 2), to pixels of the picture."""
        return np.asarray((points - HEAD_CENTRE) * self.scale + (self.x, self.y), np.float32)


def face_box(figure: Figure, place: Placement) -> Box:
    """Return the box that a detector should find around the face."""
    angles = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    rim = np.column_stack([np.cos(angles), np.sin(angles)]) * _FACE_RADII + _FACE_CENTRE
    seen = place.to_picture(project(place.pose, rim, figure.flat))
    left, top = seen.min(axis=0).tolist()
    right, bottom = seen.max(axis=0).tolist()
    return Box(left, top, right, bottom)


def face_landmarks(figure: Figure, place: Placement) -> FloatArray:
    """Return the average face's landmarks in the picture, float32 (5, 2), ordered as `Face.landmarks`."""
    return place.to_picture(project(place.pose, MEAN_SHAPE, figure.flat))


def paint(picture: ImageArray, figure: Figure, place: Placement) -> None:
    """Paint a figure over a picture, in place: the body upright, the head or the photograph turned.

    Args:
        picture: uint8 (H, W, 3), BGR, written to.
    """
    upright = Placement(place.x, place.y, place.scale)
    _paint_sprite(picture, figure.body, upright, flat=True)
    _paint_sprite(picture, figure.head, place, flat=figure.flat)


def _paint_sprite(picture: ImageArray, sprite: Sprite, place: Placement, flat: bool) -> None:
    upright = place.pose == Pose()
    level = sprite.level(place.scale)
    corners = place.to_picture(project(place.pose, sprite.corners(), flat=True))
    margin = 0.0 if upright else 12 * place.scale
    left, top = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + margin).astype(int)
    right, bottom = min(right, picture.shape[1]), min(bottom, picture.shape[0])
    if right - left < 2 or bottom - top < 2:
        return
    xs, ys = np.linspace(left, right - 1, _GRID), np.linspace(top, bottom - 1, _GRID)
    grid = (np.stack(np.meshgrid(xs, ys), axis=-1) - (place.x, place.y)) / place.scale + HEAD_CENTRE
    source = grid if upright else turn_map(place.pose, grid, flat)
    source = (source - (sprite.left, sprite.top)) * level.scale - 0.5
    moves = _spread(source.astype(np.float32), right - left, bottom - top)
    drawn = cv2.remap(level.image, moves, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    region = picture[top:bottom, left:right]
    gap = cv2.cvtColor(255 - drawn[..., 3], cv2.COLOR_GRAY2BGR)
    region[:] = cv2.add(cv2.multiply(region, gap, scale=1 / 255), drawn[..., :3])


def _spread(grid: FloatArray, width: int, height: int) -> FloatArray:
    """Interpolate a grid whose corners lie on the corners of the region: float32 (height, width, 2)."""
    last = _GRID - 1
    matrix = np.array([[last / (width - 1), 0, 0], [0, last / (height - 1), 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(grid, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )

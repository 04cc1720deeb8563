"""`Pose`, `turn_map`, `project`: the geometry of synthetic heads: landmarks, depth and head turns.

All coordinates are in the pixels of the eigenfaces' window, x right, y down, z towards the camera.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.vision.quality import FACE_3D

Numbers = npt.NDArray[np.floating]
"""Coordinates of either precision."""

WINDOW_PX = 96
"""Side of the square in which faces are drawn."""

# The aligned crop is shrunk by this much, so that the window holds the head from the hair to the chin.
_WINDOW_SCALE = 0.78

MEAN_SHAPE: FloatArray = (
    (FACE_3D[:, :2] - FACE_3D[:2, :2].mean(axis=0)) * _WINDOW_SCALE + (47.5, 38.0)
).astype(np.float32)
"""float32 (5, 2): the landmarks of the average face, in the order of `Face.landmarks`."""

HEAD_CENTRE = (47.5, 47.0)
HEAD_RADII = (36.0, 47.0)
HEAD_DEPTH_PX = 28.0
NOSE_DEPTH_PX = 8.0
CAMERA_DISTANCE_PX = 500.0


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is turned, in degrees; signs as in `models.vision.quality.head_pose`."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def rotation(self) -> Numbers:
        """Return the rotation matrix, float64 (3, 3), for x right, y down and z towards the camera."""
        yaw, pitch, roll = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        return np.asarray(about_z @ about_x @ about_y)


def head_depth(x: Numbers, y: Numbers) -> FloatArray:
    """Return the height of the head's surface over its rim, in the shape of `x`: a paraboloid with a nose."""
    across = (x - HEAD_CENTRE[0]) / HEAD_RADII[0]
    down = (y - HEAD_CENTRE[1]) / HEAD_RADII[1]
    skull = HEAD_DEPTH_PX * np.maximum(1.0 - across**2 - down**2, -0.6)
    nose_x, nose_y = MEAN_SHAPE[2]
    below = np.where(y > nose_y, 3.5, 9.0)  # a nose falls off steeply below its tip, gently above it
    nose = NOSE_DEPTH_PX * np.exp(-(((x - nose_x) / 4.5) ** 2) - ((y - nose_y) / below) ** 2)
    return np.asarray(skull + nose, np.float32)


def turn_map(pose: Pose, points: Numbers, flat: bool = False) -> FloatArray:
    """Map points of a turned head's picture to the frontal picture.

    Solves u = c + f * (A p + b z(p)), the perspective image of the rotated surface, for p by iteration;
    `flat` puts z = 0, as on a photograph that somebody holds up.

    Args:
        points: (..., 2), pixels of the turned picture.

    Returns:
        float32 (..., 2): pixels of the frontal picture.
    """
    rotation = pose.rotation()
    centre = np.array(HEAD_CENTRE)
    inverse = np.linalg.inv(rotation[:2, :2])
    wanted = points.astype(np.float64) - centre
    found = wanted.copy()
    for _ in range(6):
        depth = (
            np.zeros(found.shape[:-1])
            if flat
            else head_depth(found[..., 0] + centre[0], found[..., 1] + centre[1])
        )
        towards = found @ rotation[2, :2] + rotation[2, 2] * depth
        shrink = (CAMERA_DISTANCE_PX - towards) / CAMERA_DISTANCE_PX
        step = (wanted * shrink[..., None] - depth[..., None] * rotation[:2, 2]) @ inverse.T
        found = 0.3 * found + 0.7 * step  # damped: the nose is steep
    return np.asarray(found + centre, np.float32)


def project(pose: Pose, points: Numbers, flat: bool = False) -> FloatArray:
    """Map points of the frontal picture, (N, 2), to the picture of the turned head: inverts `turn_map`."""
    centre = np.array(HEAD_CENTRE)
    depth = np.zeros(len(points)) if flat else head_depth(points[:, 0], points[:, 1])
    turned = np.column_stack([points - centre, depth]) @ pose.rotation().T
    enlarge = CAMERA_DISTANCE_PX / (CAMERA_DISTANCE_PX - turned[:, 2])
    return np.asarray(turned[:, :2] * enlarge[:, None] + centre, np.float32)


def spline_map(source: Numbers, target: Numbers) -> FloatArray:
    """Return a thin-plate spline (Bookstein 1989) as a map for `cv2.remap`, float32 (96, 96, 2).

    The picture remapped by it shows at `target` (N, 2) what was at `source` (N, 2). The window's rim does
    not move.
    """
    edge = np.array([(x, y) for x in (0, 47.5, 95) for y in (0, 47.5, 95) if (x, y) != (47.5, 47.5)])
    held: Numbers = np.vstack([source, edge])
    knots: Numbers = np.vstack([target, edge])
    count = len(knots)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(knots, knots)
    system[:count, count:] = np.column_stack([np.ones(count), knots])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([held, np.zeros((3, 2))]))
    steps = np.arange(WINDOW_PX, dtype=np.float64)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    terms = np.column_stack([_bend(grid, knots), np.ones(len(grid)), grid])
    return np.asarray(terms @ weights, np.float32).reshape(WINDOW_PX, WINDOW_PX, 2)


def _bend(points: Numbers, knots: Numbers) -> Numbers:
    """Return r * r * log(r) of all distances, (N, M)."""
    squared = ((points[:, None].astype(np.float64) - knots[None]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * squared * np.log(squared + 1e-12))


def head_mask(feather: float = 0.12, swell: float = 1.0) -> FloatArray:
    """Return a mask, float32 (96, 96): 1 on the head, 0 off it, with a border of `feather` radii.

    `swell` scales the head."""
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX].astype(np.float32)
    across = np.abs(x - HEAD_CENTRE[0]) / (HEAD_RADII[0] * swell)
    down = np.abs(y - HEAD_CENTRE[1]) / (HEAD_RADII[1] * swell)
    radius = (across**2.4 + down**2.4) ** (1 / 2.4)
    mask = np.clip((1.0 - radius) / feather, 0.0, 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.0), np.float32)

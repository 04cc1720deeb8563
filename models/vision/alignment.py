"""`align`, `align_face`: the upright 112x112 crop of a face that every network here takes."""

import cv2
import numpy as np

from models.domain import Face, FaceCrop, FloatArray, ImageArray
from models.errors import InputError

CROP_PX = 112
"""Side of an aligned crop."""

# Where the landmarks of a frontal face lie in the crop, in pixels, in the order of `Face.landmarks`
# (Deng et al. 2019, "ArcFace", as published with their code).
TEMPLATE_112: FloatArray = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
TEMPLATE_112.flags.writeable = False


def similarity_transform(src: FloatArray, dst: FloatArray) -> FloatArray:
    """Return the rotation, uniform scale and shift that takes `src` to `dst` with the least squared error.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns",
    equations 40 to 42. A reflection is never returned.

    Args:
        src: (N, 2), N >= 2, not all the same point.
        dst: (N, 2).

    Returns:
        float32 (2, 3): the matrix A with dst ~ A[:, :2] @ src + A[:, 2].

    Raises:
        InputError: points that are not finite or fall together: no transform is defined.
    """
    source, target = np.asarray(src, np.float64), np.asarray(dst, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise InputError(f"alignment needs two equal lists of points (N, 2), not {src.shape} and {dst.shape}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise InputError("the landmarks of this face are not numbers: it cannot be aligned")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_centred, target_centred = source - source_mean, target - target_mean  # (N, 2)
    variance = float((source_centred**2).sum()) / len(source)
    if variance < 1e-9:
        raise InputError("the landmarks of this face fall together: it cannot be aligned")
    covariance = target_centred.T @ source_centred / len(source)  # (2, 2)
    left, singular, right = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0 if np.linalg.det(left) * np.linalg.det(right) > 0 else -1.0])
    rotation = left @ np.diag(sign) @ right
    scale = float(singular @ sign) / variance
    shift = target_mean - scale * rotation @ source_mean
    return np.column_stack([scale * rotation, shift]).astype(np.float32)


def align(image: ImageArray, landmarks: FloatArray) -> FaceCrop:
    """Cut out a face, upright and at the network's size.

    Large faces are averaged down first, so that fine texture does not alias.

    Args:
        image: uint8 (H, W, 3), BGR.
        landmarks: float32 (5, 2), pixels of `image`, in the order of `Face.landmarks`.

    Returns:
        the crop; where it reaches beyond the picture it is black.

    Raises:
        InputError: the landmarks define no crop.
    """
    matrix = similarity_transform(landmarks, TEMPLATE_112).astype(np.float64)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale <= 0.0:
        raise InputError("the landmarks of this face fall together: it cannot be aligned")
    shrink = int(1.0 / scale)
    if shrink >= 2:
        image, offset = _averaged_surroundings(image, landmarks, shrink)
        # Pixel x of the averaged picture has its centre at shrink * (x + 0.5) - 0.5 + offset of the original.
        matrix[:, 2] += matrix[:, :2] @ (offset + (shrink - 1) / 2)
        matrix[:, :2] *= shrink
    crop = cv2.warpAffine(image, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)
    return FaceCrop(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))


def align_face(image: ImageArray, face: Face) -> FaceCrop:
    """Align a detected face, and a second time by its second landmarks where it has them.

    Landmarks are off by a pixel or two, differently each time: two crops embedded and averaged err less than
    one (docs/experiments/accuracy.md).

    Raises:
        InputError: the landmarks define no crop.
    """
    crop = align(image, face.landmarks)
    if face.second_landmarks is None:
        return crop
    return FaceCrop(crop.image, align(image, face.second_landmarks).image)


def _averaged_surroundings(
    image: ImageArray, landmarks: FloatArray, shrink: int
) -> tuple[ImageArray, FloatArray]:
    """Average a face's surroundings over blocks of `shrink` pixels; returns them and their origin (x, y)."""
    height, width = image.shape[:2]
    reach = 2 * CROP_PX * shrink
    centre_x, centre_y = landmarks.mean(axis=0)
    left = int(np.clip(centre_x - reach, 0, max(0, width - shrink)))
    top = int(np.clip(centre_y - reach, 0, max(0, height - shrink)))
    columns = max(1, (min(width, int(centre_x + reach)) - left) // shrink)
    rows = max(1, (min(height, int(centre_y + reach)) - top) // shrink)
    part = image[top : top + rows * shrink, left : left + columns * shrink]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.array([left, top], np.float32)

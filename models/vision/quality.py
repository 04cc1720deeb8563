"""`assess`: measures the quality of a face in a picture, and names the checks that it fails.

Each check is a number, a limit and a reason; `models.messages` has a sentence for each reason.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from models.domain import Face, FaceCrop, FloatArray, ImageArray, Quality, QualityReason
from models.vision.alignment import CROP_PX, TEMPLATE_112, similarity_transform

# The face is about this many times as high as the eyes' midpoint is above the mouth's.
FACE_OVER_EYE_MOUTH = 2.9

# A frontal face in three dimensions, in pixels of the aligned crop: x right, y down, z towards the camera.
# x and y are YuNet's landmarks, averaged over 600 photos of Labeled Faces in the Wild and made symmetric; the
# depths are those of an average adult head with 62 mm between the eyes: nose tip 30 mm, mouth corners 5 mm.
FACE_3D: FloatArray = np.array(
    [[37.5, 52.6, 0.0], [74.5, 52.6, 0.0], [56.0, 73.6, 18.0], [40.2, 90.4, 3.0], [71.8, 90.4, 3.0]],
    np.float32,
)
FACE_3D.flags.writeable = False


# Rows and columns of the aligned crop.
_RIGHT_EYE = np.s_[47:57, 30:46]
_LEFT_EYE = np.s_[47:57, 66:82]
_MOUTH = np.s_[83:99, 42:70]
_FACE = np.s_[30:104, 22:90]
_MIN_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What counts as good enough. `ENROLMENT` is stricter than `DOOR`: a template is kept for years.

    Attributes:
        min_face_px: height of the face in the picture.
        min_sharpness: variance of the Laplacian of the aligned grey crop.
        max_yaw_deg, max_pitch_deg, max_roll_deg: how far the head may be turned, nodded and tilted.
        min_brightness, max_brightness: mean luma of the aligned crop, 0 to 255.
        min_contrast: standard deviation of the luma of the aligned crop.
        min_inside: share of the aligned crop that must lie inside the picture, in [0, 1].
        min_structure: how much structure eyes and mouth must have; see `visible_structure`.
    """

    min_face_px: float = 48.0
    min_sharpness: float = 15.0
    max_yaw_deg: float = 50.0
    max_pitch_deg: float = 40.0
    max_roll_deg: float = 35.0
    min_brightness: float = 35.0
    max_brightness: float = 225.0
    min_contrast: float = 14.0
    min_inside: float = 0.85
    min_structure: float = 0.15


DOOR = QualityLimits()
ENROLMENT = QualityLimits(
    min_face_px=64.0,
    min_sharpness=20.0,
    max_yaw_deg=45.0,
    max_pitch_deg=35.0,
    max_roll_deg=30.0,
    min_brightness=40.0,
    max_brightness=220.0,
    min_contrast=18.0,
    min_inside=0.9,
    min_structure=0.2,
)


def assess(image: ImageArray, face: Face, crop: FaceCrop, limits: QualityLimits = DOOR) -> Quality:
    """Measure one face and name the checks that it fails, in the order in which a person should mend them.

    Args:
        image: uint8 (H, W, 3), BGR: the picture the face was found in.
        face: as the detector reported it, in pixels of `image`.
        crop: the same face, aligned.
        limits: what counts as good enough.
    """
    luma = cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY)
    face_px = FACE_OVER_EYE_MOUTH * float(
        np.linalg.norm(face.landmarks[3:].mean(0) - face.landmarks[:2].mean(0))
    )
    yaw_deg, pitch_deg, roll_deg = head_pose(face.landmarks)
    sharpness = float(cv2.Laplacian(luma, cv2.CV_32F).var())
    brightness, contrast = float(luma.mean()), float(luma.std())
    checks = (
        (QualityReason.TOO_SMALL, face_px < limits.min_face_px),
        (
            QualityReason.CUT_OFF,
            share_inside(face.landmarks, image.shape[1], image.shape[0]) < limits.min_inside,
        ),
        (QualityReason.TOO_DARK, brightness < limits.min_brightness),
        (QualityReason.TOO_BRIGHT, brightness > limits.max_brightness),
        (QualityReason.LOW_CONTRAST, contrast < limits.min_contrast),
        (QualityReason.BLURRED, sharpness < limits.min_sharpness),
        (
            QualityReason.TURNED_AWAY,
            abs(yaw_deg) > limits.max_yaw_deg or abs(pitch_deg) > limits.max_pitch_deg,
        ),
        (QualityReason.TILTED, abs(roll_deg) > limits.max_roll_deg),
        (QualityReason.OCCLUDED, visible_structure(crop) < limits.min_structure),
    )
    reasons = tuple(reason for reason, failed in checks if failed)
    return Quality(face_px, sharpness, yaw_deg, pitch_deg, roll_deg, brightness, contrast, reasons)


def head_pose(landmarks: FloatArray) -> tuple[float, float, float]:
    """Estimate how the head is turned, from five points under scaled orthography.

    The affine camera that takes `FACE_3D` to the landmarks with the least squared error is brought to the
    nearest scaled rotation (Horn, Hilden and Negahdaripour 1988). Good to some degrees: heads differ.

    Args:
        landmarks: float32 (5, 2), pixels, in the order of `Face.landmarks`.

    Returns:
        yaw (positive: the nose points to the picture's right), pitch (positive: it points down) and
        roll (positive: the head is tilted clockwise in the picture), in degrees.
    """
    model = FACE_3D.astype(np.float64) - FACE_3D.mean(axis=0)  # (5, 3)
    points = landmarks.astype(np.float64) - landmarks.mean(axis=0)  # (5, 2)
    camera, *_ = np.linalg.lstsq(model, points, rcond=None)  # (3, 2)
    left, _, right = np.linalg.svd(camera.T, full_matrices=False)
    across, down = left @ right  # the first two rows of the rotation
    towards = np.cross(across, down)
    # R = Rz(roll) Rx(pitch) Ry(yaw); the model's z points to the camera while y points down, hence the signs.
    pitch = np.arcsin(np.clip(towards[1], -1.0, 1.0))
    yaw = np.arctan2(-towards[0], towards[2])
    roll = np.arctan2(-across[1], down[1])
    return float(np.degrees(yaw)), float(-np.degrees(pitch)), float(np.degrees(roll))


def share_inside(landmarks: FloatArray, width: int, height: int) -> float:
    """Return the share of the aligned crop that lies inside a picture of that size, in [0, 1].

    The detector's box is not used: at the edge of a picture it shrinks to the visible part of the face.
    """
    to_crop = np.vstack([similarity_transform(landmarks, TEMPLATE_112), [0.0, 0.0, 1.0]])
    steps = (np.arange(16) + 0.5) * CROP_PX / 16
    across, down = np.meshgrid(steps, steps)
    grid = np.stack([across.ravel(), down.ravel(), np.ones(across.size)])  # (3, 256)
    x, y, _ = np.linalg.inv(to_crop) @ grid
    return float(np.mean((x >= 0) & (x < width) & (y >= 0) & (y < height)))


def visible_structure(crop: FaceCrop) -> float:
    """Measure the structure where eyes and mouth should be: a covered part is smoother than a face.

    Sunglasses, a mask, a scarf or a hand before the mouth are smooth for their surroundings. Covers with a
    pattern or folds, clear glasses with reflections, a cap that leaves the eyes free go unnoticed. It is a
    hint for the person before the door, not a defence against attacks. The rates are in
    docs/explanation/face-quality.md.

    Returns:
        the lesser of two shares, scaled so that one limit fits both: the deviation of the luma in the plainer
        eye over that of the crop, times 1.25; and the same of the mouth over the whole face, slow changes of
        light taken out of both, divided by 3. Faces have 0.2 or more.
    """
    luma = cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 6.0)
    eyes = min(float(luma[_RIGHT_EYE].std()), float(luma[_LEFT_EYE].std())) / (
        float(luma.std()) + _MIN_DEVIATION
    )
    mouth = float(fine[_MOUTH].std()) / (float(fine[_FACE].std()) + _MIN_DEVIATION)
    return min(1.25 * eyes, mouth / 3.0)

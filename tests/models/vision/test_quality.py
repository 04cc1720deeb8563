"""Quality: each check fails for its own defect, says so first where it should, and lets good faces pass."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.face_quality import COVERS, paint_cover
from models.domain import Face, FaceCrop, FloatArray, ImageArray, Quality, QualityReason
from models.messages import ADVICE_MESSAGE, PICTURE_MESSAGE
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import TEMPLATE_112, align
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture
from models.vision.quality import DOOR, ENROLMENT, FACE_3D, assess, head_pose, share_inside, visible_structure


def _face(detector: YuNetDetector, image: ImageArray) -> tuple[Face, FaceCrop]:
    face = detector.detect(image)[0]
    return face, align(image, face.landmarks)


def _judge(detector: YuNetDetector, image: ImageArray) -> Quality:
    return assess(image, *_face(detector, image), ENROLMENT)


@pytest.fixture(scope="module")
def portrait() -> ImageArray:
    return SyntheticPerson(1).portrait()


def test_a_good_picture_passes_both_presets(detector: YuNetDetector, portrait: ImageArray) -> None:
    face, crop = _face(detector, portrait)
    for limits in (ENROLMENT, DOOR):
        quality = assess(portrait, face, crop, limits)
        assert quality.ok
        assert 90 < quality.face_px < 160
        assert abs(quality.roll_deg) < 10


def test_enrolment_is_at_least_as_strict_as_the_door() -> None:
    for name in DOOR.__slots__:
        difference = getattr(ENROLMENT, name) - getattr(DOOR, name)
        assert difference >= 0 if name.startswith("min_") else difference <= 0


def _small(image: ImageArray) -> ImageArray:
    canvas = np.full((250, 250, 3), 120, np.uint8)
    canvas[70:160, 70:160] = cv2.resize(image, (90, 90), interpolation=cv2.INTER_AREA)
    return canvas


DEFECTS = {
    QualityReason.TOO_SMALL: _small,
    QualityReason.BLURRED: lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 4.0)),
    QualityReason.TOO_DARK: lambda image: (image * 0.2).astype(np.uint8),
    QualityReason.TOO_BRIGHT: lambda image: np.asarray(cv2.addWeighted(image, 0.5, image, 0.0, 180)),
    QualityReason.LOW_CONTRAST: lambda image: np.asarray(cv2.addWeighted(image, 0.25, image, 0.0, 90)),
    QualityReason.CUT_OFF: lambda image: np.ascontiguousarray(image[:, 100:]),
}


@pytest.mark.parametrize("reason", DEFECTS, ids=str)
def test_each_defect_is_named(reason: QualityReason, detector: YuNetDetector, portrait: ImageArray) -> None:
    quality = _judge(detector, DEFECTS[reason](portrait))
    assert reason in quality.reasons
    assert not quality.ok
    assert ADVICE_MESSAGE[reason] and PICTURE_MESSAGE[reason]


def test_a_turned_head_is_named(portrait: ImageArray, detector: YuNetDetector) -> None:
    face, crop = _face(detector, portrait)
    turned = replace(face, landmarks=_project(60, 0, 0))
    assert assess(portrait, turned, crop, DOOR).reasons == (QualityReason.TURNED_AWAY,)
    nodding = replace(face, landmarks=_project(0, 48, 0))
    assert assess(portrait, nodding, crop, DOOR).reasons == (QualityReason.TURNED_AWAY,)
    tilted = replace(face, landmarks=_project(0, 0, 45))
    assert assess(portrait, tilted, crop, DOOR).reasons == (QualityReason.TILTED,)


def _project(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Turn the face model by textbook rotations (x right, y down, z to the camera) and drop z."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned = FACE_3D @ (about_z @ about_x @ about_y).T
    return np.asarray(1.1 * turned[:, :2] + (65, 60), np.float32)


@given(st.floats(-60, 60), st.floats(-50, 50), st.floats(-60, 60))
def test_the_pose_of_the_model_is_found_exactly(yaw: float, pitch: float, roll: float) -> None:
    np.testing.assert_allclose(head_pose(_project(yaw, pitch, roll)), (yaw, pitch, roll), atol=0.5)


def test_share_inside_counts_the_points_of_the_crop_in_the_picture() -> None:
    for shift, share in ((0.0, 1.0), (-56.0, 0.5), (-200.0, 0.0), (44.0, 0.5)):
        landmarks = (TEMPLATE_112 + np.array([shift, 0])).astype(np.float32)
        assert share_inside(landmarks, 100, 112) == pytest.approx(share, abs=0.13)


def test_an_even_crop_has_no_structure() -> None:
    assert visible_structure(FaceCrop(np.full((112, 112, 3), 90, np.uint8))) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.slow
@pytest.mark.shared
def test_real_photos_pass_and_covered_ones_do_not(detector: YuNetDetector, shared: Path) -> None:
    """A sample of benchmarks/face_quality.py; docs/explanation/face-quality.md has the figures."""
    photos = sorted((shared / "data" / "lfw_dev" / "images").glob("*/*_0001.jpg"))[::90]
    rng = np.random.default_rng(0)
    good, noticed, painted = 0, 0, 0
    for photo in photos:
        image = read_picture(photo)
        face, crop = _face(detector, image)
        good += assess(image, face, crop, ENROLMENT).ok
        for cover in COVERS:
            covered = paint_cover(image, face, cover, rng)
            faces = [other for other in detector.detect(covered) if other.box.iou(face.box) > 0.3]
            if faces:
                crop = align(covered, faces[0].landmarks)
                noticed += QualityReason.OCCLUDED in assess(covered, faces[0], crop, ENROLMENT).reasons
                painted += 1
    assert good > 0.9 * len(photos)
    assert noticed > 0.85 * painted

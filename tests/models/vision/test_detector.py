"""The detector: on faces that do not exist, on real ones, and on what is no face or no network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import ImageError, ModelError
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import draw_background
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture


def test_the_landmarks_are_in_the_order_of_the_domain(detector: YuNetDetector) -> None:
    """The person's right eye is left in the picture; the mouth is below the nose, the nose below the eyes."""
    face = detector.detect(SyntheticPerson(1).portrait())[0]
    right_eye, left_eye, nose, mouth_right, mouth_left = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert mouth_right[0] < mouth_left[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(mouth_right[1], mouth_left[1])
    assert 0.7 <= face.score <= 1.0


def test_several_faces_come_largest_first(detector: YuNetDetector) -> None:
    small = cv2.resize(SyntheticPerson(2).portrait(), (160, 160), interpolation=cv2.INTER_AREA)
    both = np.hstack([np.vstack([small, np.zeros((90, 160, 3), np.uint8)]), SyntheticPerson(1).portrait()])
    first, second = detector.detect(both)
    assert first.box.left > 160
    assert first.box.area > second.box.area


@pytest.mark.parametrize("factor", [1, 3, 6])
def test_large_pictures_are_shrunk_and_answered_in_their_own_pixels(
    detector: YuNetDetector, factor: int
) -> None:
    portrait = SyntheticPerson(3).portrait()
    face = detector.detect(portrait)[0]
    side = 250 * factor
    large = detector.detect(cv2.resize(portrait, (side, side), interpolation=cv2.INTER_CUBIC))[0]
    assert np.abs(large.landmarks / factor - face.landmarks).max() < 8


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (64, 64)])
def test_pictures_of_any_form_without_a_face(detector: YuNetDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 128, np.uint8)) == []


def test_a_room_without_people_has_no_face(detector: YuNetDetector) -> None:
    assert detector.detect(draw_background((640, 480), 5)) == []


def test_a_slice_of_a_larger_picture_is_accepted(detector: YuNetDetector) -> None:
    wide = np.hstack([SyntheticPerson(3).portrait()] * 2)
    assert len(detector.detect(wide[:, :250])) == 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
    ids=["grey", "four channels", "float", "empty"],
)
def test_other_arrays_are_refused(detector: YuNetDetector, image: np.ndarray) -> None:
    with pytest.raises(ImageError, match="uint8"):
        detector.detect(image)


@pytest.mark.parametrize("content", [None, b"", b"not a network", bytes(4000)])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"yunet\.onnx.*doorward weights fetch"):
        YuNetDetector(path)


def test_another_network_is_named(weights: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a YuNet network"):
        YuNetDetector(weights.sface)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.shared
def test_real_faces_are_found(detector: YuNetDetector, shared: Path) -> None:
    photos = sorted((shared / "data" / "lfw_dev" / "images").glob("*/*_0001.jpg"))[::60]
    found = [detector.detect(read_picture(photo)) for photo in photos]
    assert all(found)
    middle = [min(np.linalg.norm(face.landmarks.mean(axis=0) - 128) for face in faces) for faces in found]
    assert np.mean(np.array(middle) < 30) > 0.95

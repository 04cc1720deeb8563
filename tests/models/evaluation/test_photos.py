"""Photographs in folders: which are read, which face counts, and what could not be acquired."""

import cv2
import numpy as np
import pytest

from models.domain import Box, Face
from models.encoders.openvino import OpenVinoEncoder
from models.errors import ImageError
from models.evaluation.photos import embed_photos, people_in, subject_of
from models.release.networks import SFACE_MODEL_ID
from models.synthetic.people import SyntheticPerson
from models.vision.detector import YuNetDetector


def face_at(left, top, side):
    return Face(Box(left, top, left + side, top + side), np.zeros((5, 2), np.float32), 0.9)


def test_the_subject_is_in_the_middle_and_not_the_largest():
    image = np.zeros((200, 300, 3), np.uint8)
    middle, large = face_at(130, 80, 40), face_at(0, 0, 120)
    assert subject_of(image, [large, middle]) is middle
    assert subject_of(image, []) is None


def test_a_photograph_without_a_face_is_counted_and_not_raised(tmp_path, weights):
    cv2.imwrite(str(tmp_path / "somebody.png"), SyntheticPerson(3).portrait(250, 0))
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((120, 160, 3), 90, np.uint8))
    paths = [tmp_path / "somebody.png", tmp_path / "wall.png"]
    steps = []
    photos = embed_photos(
        paths, YuNetDetector(weights.detector), OpenVinoEncoder(weights.sface, SFACE_MODEL_ID), steps.append
    )
    assert photos.failures == [paths[1]]
    assert photos.subjects == [tmp_path.name]
    assert photos.acquired.tolist() == [True, False]
    assert np.linalg.norm(photos.vectors[0]) == pytest.approx(1, abs=1e-5)
    assert not photos.vectors[1].any()
    assert steps == [1, 1]
    with pytest.raises(ImageError):
        embed_photos(
            [tmp_path / "absent.png"],
            YuNetDetector(weights.detector),
            OpenVinoEncoder(weights.sface, SFACE_MODEL_ID),
        )


def test_people_are_folders_in_order(tmp_path):
    for name in ("b/2.png", "b/1.JPG", "a/x.jpeg", "a/notes.txt", "c/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = people_in(tmp_path)
    assert list(found) == ["a", "b"]
    assert [path.name for path in found["b"]] == ["1.JPG", "2.png"]
    with pytest.raises(ImageError, match="one folder per person"):
        people_in(tmp_path / "c")

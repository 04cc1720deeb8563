import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from enrollment.retraining import general_faces
from enrollment.retraining.general_faces import (
    draw_people,
    general_from_folder,
    images_of,
    read_people,
    synthetic_general,
)
from models.domain import Box, Face, FaceCrop, ImageArray
from models.errors import TrainingError
from models.release.weights import WeightFiles
from models.vision.alignment import TEMPLATE_112
from models.vision.detector import YuNetDetector


class WholePicture:
    """Finds one face that fills a bright picture, none in a dark one."""

    def detect(self, image: ImageArray) -> list[Face]:
        side = float(image.shape[0])
        face = Face(Box(0, 0, side, side), (TEMPLATE_112 * side / 112).astype(np.float32), 1.0)
        return [face] if image.mean() > 20 else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """30 people with three pictures, one of them dark; five with one; one with a broken file."""
    for person in range(36):
        home = tmp_path / f"person{person:02}"
        home.mkdir()
        for photo in range(3 if person < 30 else 1):
            grey = 10 if photo == 2 else 60 + 5 * person
            cv2.imwrite(str(home / f"{photo}.png"), np.full((120, 120, 3), grey, np.uint8))
    (tmp_path / "person35" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not a person")
    return tmp_path


def test_people_with_two_faces_are_read(folder: Path) -> None:
    steps: list[int] = []
    found = read_people(folder, WholePicture(), limit=100, photos=3, advance=steps.append)
    assert set(found) == {f"person{person:02}" for person in range(30)}
    images = images_of(found).values()
    assert all(crops.shape == (2, 112, 112, 3) and crops.dtype == np.uint8 for crops in images)
    assert sum(steps) == 31


def test_the_same_seed_draws_the_same_people(folder: Path) -> None:
    first, again, other = (
        set(read_people(folder, WholePicture(), limit=22, photos=2, seed=seed)) for seed in (1, 1, 2)
    )
    assert len(first) >= 20
    assert first == again != other


def test_too_few_people_are_a_clear_refusal(folder: Path) -> None:
    with pytest.raises(TrainingError, match="holds 10 people"):
        read_people(folder, WholePicture(), limit=10, photos=2)
    with pytest.raises(TrainingError, match="no folder"):
        read_people(folder / "absent", WholePicture(), limit=10, photos=2)


@pytest.mark.slow
def test_synthetic_people_are_drawn_where_no_folder_is_given(weights: WeightFiles) -> None:
    found = draw_people(YuNetDetector(weights.detector), count=22, photos=2)
    assert len(found) >= 20
    assert all(len(crops) == 2 for crops in found.values())


def test_a_detector_that_finds_nobody_is_a_clear_refusal() -> None:
    class Blind:
        def detect(self, image: ImageArray) -> list[Face]:
            return []

    with pytest.raises(TrainingError, match="only 0 of 3"):
        draw_people(Blind(), count=3, photos=2)


class LooksTwice(WholePicture):
    """Finds the landmarks a second time, elsewhere, as the door's detector does."""

    def detect(self, image: ImageArray) -> list[Face]:
        return [
            dataclasses.replace(face, second_landmarks=face.landmarks + np.float32(4))
            for face in super().detect(image)
        ]


def test_second_crops_are_kept_for_the_gate(folder: Path) -> None:
    found = read_people(folder, LooksTwice(), limit=100, photos=2)
    assert all(face.second is not None for own in found.values() for face in own)


def test_nobody_is_rehearsed_who_judges_whatever_the_seed(folder: Path) -> None:
    judging: set[str] = set()
    for seed in (1, 2):
        general = general_from_folder(folder, WholePicture(), limit=25, photos=2, seed=seed)
        assert general.judging is not None
        assert len(general.rehearsed) + len(general.judging) > 20
        assert not set(general.judging) & set(general.rehearsed)
        assert not judging & set(general.rehearsed)
        judging |= set(general.judging)
    assert len(judging) > 10


def test_synthetic_people_are_rehearsed_and_judge_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {f"s{n}": [FaceCrop(np.zeros((112, 112, 3), np.uint8))] * 2 for n in range(20)}
    monkeypatch.setattr(general_faces, "draw_people", lambda *_args, **_options: drawn)
    general = synthetic_general(WholePicture(), count=20, photos=2)
    assert general.judging is None
    assert set(general.rehearsed) == set(drawn)

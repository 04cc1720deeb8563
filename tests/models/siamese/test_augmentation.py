"""The transforms of the door camera, and that a seed gives the same view again."""

import inspect

import numpy as np
import pytest
import torch

from models.siamese import augmentation
from models.siamese.augmentation import NightView, door_camera, night_camera, seeded_view
from models.vision.alignment import TEMPLATE_112
from tests.models.siamese.conftest import make_people

FACE = make_people(1, 1)["person-00"][0]
TRANSFORMS = [
    augmentation.LowLight,
    augmentation.MotionBlur,
    augmentation.Jpeg,
    augmentation.BackLight,
    augmentation.SmallFace,
    augmentation.Glasses,
    augmentation.Mask,
    augmentation.NightView,
]


def view(transform, seed: int) -> np.ndarray:
    with torch.random.fork_rng(devices=[]):
        return seeded_view(FACE, transform, seed)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_each_transform_changes_the_picture_keeps_its_shape_and_repeats(kind):
    before = FACE.copy()
    first = view(kind(), 3)
    assert (first.shape, first.dtype) == ((112, 112, 3), np.uint8)
    assert np.array_equal(first, view(kind(), 3))
    assert np.abs(first.astype(int) - FACE).mean() > 0.3
    assert np.array_equal(FACE, before)


def test_every_transform_of_the_module_is_tested():
    found = {
        item
        for _, item in inspect.getmembers(augmentation, inspect.isclass)
        if item.__module__ == augmentation.__name__ and not item.__name__.startswith("_")
    }
    assert found == set(TRANSFORMS)


def test_views_of_the_door_camera_differ_by_seed_and_not_by_order():
    camera = door_camera()
    forwards = [view(camera, seed) for seed in range(12)]
    backwards = [view(camera, seed) for seed in reversed(range(12))][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forwards, backwards, strict=True))
    assert len({one.tobytes() for one in forwards}) == 12


def test_the_night_camera_mixes_day_and_night_views():
    camera = night_camera()
    views = [view(camera, seed).astype(int) for seed in range(40)]
    # The night is grey and its noise differs from pixel to pixel; greyed pictures of the day are smoother.
    grain = [np.abs(np.diff(each[..., 0], axis=1)).mean() for each in views]
    grey = [not np.ptp(each, axis=2).any() for each in views]
    night = [coarse > 15 and colourless for coarse, colourless in zip(grain, grey, strict=True)]
    assert 10 <= sum(night) <= 30


def test_mask_covers_the_mouth_and_leaves_the_eyes():
    masked = view(augmentation.Mask(), 1)
    for x, y in TEMPLATE_112[3:].round().astype(int):
        assert np.ptp(masked[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3), axis=0).max() == 0
    for x, y in TEMPLATE_112[:2].round().astype(int):
        assert np.array_equal(masked[y - 3 : y + 4, x - 3 : x + 4], FACE[y - 3 : y + 4, x - 3 : x + 4])


def test_glasses_touch_only_the_band_of_the_eyes():
    changed = np.abs(view(augmentation.Glasses(), 2).astype(int) - FACE).max(axis=(1, 2)) > 0
    rows = np.flatnonzero(changed)
    assert rows.min() > 30
    assert rows.max() < 72


def test_night_is_grey_and_coarse():
    night = view(NightView(), 0)
    assert np.array_equal(night[..., 0], night[..., 1])
    assert np.array_equal(night[..., 0], night[..., 2])


def test_low_light_adds_noise_that_was_not_there():
    flat = np.full((112, 112, 3), 120, np.uint8)
    with torch.random.fork_rng(devices=[]):
        seen = seeded_view(flat, augmentation.LowLight(), 5)
    assert seen.std() > 3.0


def test_back_light_darkens_the_face_and_brightens_the_rim():
    flat = np.full((112, 112, 3), 120, np.uint8)
    with torch.random.fork_rng(devices=[]):
        seen = seeded_view(flat, augmentation.BackLight(), 5)
    assert seen[56, 56, 0] < 100
    assert seen[2, 2, 0] > seen[56, 56, 0] + 40

"""`degrade`: the same seed gives the same picture, and each parameter has its effect."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.domain import ImageArray
from models.errors import ImageError
from models.vision.camera_model import NIGHT_DOOR, NightDoor, degrade

CLEAR = NightDoor((1.0, 1.0), (0.0, 0.0), (1e6, 1e6), 0.0, 0.0)


def _picture(height: int = 112, width: int = 112) -> ImageArray:
    coarse = np.random.default_rng(5).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(("height", "width"), [(112, 112), (480, 640), (8, 8), (9, 31)])
def test_the_form_is_kept_and_colour_is_lost(height: int, width: int) -> None:
    seen = degrade(_picture(height, width), np.random.default_rng(0))
    assert seen.shape == (height, width, 3)
    assert seen.dtype == np.uint8
    assert np.array_equal(seen[..., 0], seen[..., 1])
    assert np.array_equal(seen[..., 0], seen[..., 2])


def test_the_same_state_of_the_generator_gives_the_same_picture() -> None:
    first, again, other = (degrade(_picture(), np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_perfect_camera_shows_the_grey_picture() -> None:
    grey = cv2.cvtColor(_picture(), cv2.COLOR_RGB2GRAY).astype(float)
    grey = (grey - grey.min()) / (grey.max() - grey.min()) * 255
    assert np.abs(degrade(_picture(), np.random.default_rng(0), CLEAR)[..., 0] - grey).max() < 3


def test_noise_follows_the_sensor_equation() -> None:
    """On an even surface: variance = read noise squared + electrons, before gamma (EMVA 1288)."""
    frame = np.full((200, 200, 3), 186, np.uint8)  # 186 of 255 is half of the light at gamma 2.2
    frame[:50] = 0
    frame[:50, ::2] = 255  # half white, half black: the same light on average
    night = replace(CLEAR, electrons=(1000.0, 1000.0), read_noise_electrons=20.0)
    seen = degrade(frame, np.random.default_rng(1), night)[..., 0].astype(float)
    # Black and white are stretched to 0 and 255; white is twice the average charge.
    light = (seen[60:] / 255) ** 2.2
    assert abs(light.mean() / 0.5 - 1) < 0.15
    assert abs(light.std() / light.mean() / (np.sqrt(1000 + 20**2) / 1000) - 1) < 0.15


def test_motion_blurs_along_its_path_only() -> None:
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    night = replace(CLEAR, blur_share=(0.2, 0.2))
    seen = degrade(dot, np.random.default_rng(3), night)[..., 0].astype(float)
    rows, columns = np.nonzero(seen > 64)
    assert len(rows) >= 10
    spread = np.linalg.eigvalsh(np.cov(np.vstack([rows, columns])))
    assert 18 <= np.sqrt(12 * spread[1]) <= 24  # an even line of length L has the variance L*L/12
    assert spread[0] < 1.5


def test_fewer_pixels_lose_fine_texture_and_fewer_electrons_add_noise() -> None:
    board = (np.indices((112, 112)).sum(axis=0) // 2 % 2 * 255).astype(np.uint8)
    fine = np.repeat(board[..., None], 3, axis=2)
    coarse = degrade(fine, np.random.default_rng(0), replace(CLEAR, resolution=(0.2, 0.2)))
    assert np.corrcoef(coarse[..., 0].ravel(), board.ravel())[0, 1] < 0.3
    errors = []
    for electrons in (30.0, 300.0, 3000.0):
        night = replace(CLEAR, electrons=(electrons, electrons))
        clear = degrade(_picture(), np.random.default_rng(0), CLEAR).astype(float)
        errors.append(np.abs(degrade(_picture(), np.random.default_rng(0), night) - clear).mean())
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]


def test_contrast_is_stretched_and_a_black_picture_stays_finite() -> None:
    flat = (_picture() // 8 + 100).astype(np.uint8)
    assert degrade(flat, np.random.default_rng(0), NIGHT_DOOR).std() > 3 * flat.std()
    assert degrade(np.zeros((20, 20, 3), np.uint8), np.random.default_rng(0)).shape == (20, 20, 3)


@pytest.mark.parametrize(
    "image", [np.zeros((20, 20)), np.zeros((20, 20, 3)), np.zeros((4, 20, 3), np.uint8)], ids=str
)
def test_other_arrays_are_refused(image: ImageArray) -> None:
    with pytest.raises(ImageError):
        degrade(image, np.random.default_rng(0))

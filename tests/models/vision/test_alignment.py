"""Alignment against an independent solution of the same least-squares problem, and its invariances."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.domain import FloatArray, ImageArray
from models.errors import InputError
from models.vision.alignment import CROP_PX, TEMPLATE_112, align, similarity_transform

angles = st.floats(-3.1, 3.1)
scales = st.floats(0.1, 10.0)
shifts = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


def _similarity(angle: float, scale: float, shift: tuple[float, float]) -> FloatArray:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def _picture(side: int = 260, seed: int = 3) -> ImageArray:
    """Smooth texture: bilinear sampling at different scales must agree on it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (9, 9, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


@given(angles, scales, shifts)
def test_points_related_by_a_similarity_are_mapped_exactly(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    truth = _similarity(angle, scale, shift)
    moved = TEMPLATE_112 @ truth[:, :2].T + truth[:, 2]
    found = similarity_transform(TEMPLATE_112, moved)
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-3 * scale)


@given(arrays.arrays(np.float64, (5, 2), elements=st.floats(-20, 20)), angles, scales)
def test_the_transform_is_the_least_squares_one(noise: FloatArray, angle: float, scale: float) -> None:
    """A rotation with scale is linear in (a, b): numpy's own least squares must find the same one."""
    source = TEMPLATE_112 + noise
    if np.ptp(source, axis=0).max() < 1:
        return
    target = TEMPLATE_112 @ _similarity(angle, scale, (0, 0))[:, :2].T
    zeros, ones = np.zeros(5), np.ones(5)
    rows_x = np.column_stack([source[:, 0], -source[:, 1], ones, zeros])
    rows_y = np.column_stack([source[:, 1], source[:, 0], zeros, ones])
    solved, *_ = np.linalg.lstsq(np.vstack([rows_x, rows_y]), target.T.reshape(-1), rcond=None)
    oracle = np.array([[solved[0], -solved[1], solved[2]], [solved[1], solved[0], solved[3]]])
    found = similarity_transform(source, target)
    np.testing.assert_allclose(found, oracle, rtol=1e-3, atol=1e-3 * max(1.0, scale))


def test_mirrored_points_are_never_answered_with_a_reflection() -> None:
    mirrored = TEMPLATE_112 * np.array([-1, 1], np.float32)
    assert np.linalg.det(similarity_transform(TEMPLATE_112, mirrored)[:, :2]) > 0


@pytest.mark.parametrize(
    "points",
    [
        np.full((5, 2), 7.0),
        np.full((5, 2), np.nan),
        np.vstack([TEMPLATE_112[:4], [[np.inf, 0]]]),
        TEMPLATE_112[:1],
    ],
    ids=["one point", "nan", "infinite", "too few"],
)
def test_points_that_define_no_crop_are_refused(points: FloatArray) -> None:
    with pytest.raises(InputError):
        similarity_transform(points, TEMPLATE_112[: len(points)])


@given(st.integers(-60, 60), st.integers(-60, 60))
def test_the_crop_does_not_depend_on_where_the_face_is(dx: int, dy: int) -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[70:330, 70:330] = _picture()
    moved = np.roll(picture, (dy, dx), axis=(0, 1))
    landmarks = TEMPLATE_112 + 140
    first = align(picture, landmarks).image
    second = align(moved, landmarks + np.array([dx, dy], np.float32)).image
    assert np.abs(first.astype(int) - second).max() <= 2


@pytest.mark.parametrize("factor", [0.8, 1.5, 2.0, 3.0, 4.7, 6.0])
def test_the_crop_does_not_depend_on_the_size_of_the_picture(factor: float) -> None:
    picture = _picture()
    landmarks = TEMPLATE_112 + 70
    side = round(260 * factor)
    larger = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
    # OpenCV puts pixel centres at x + 0.5, so that a point x lies at (x + 0.5) * factor - 0.5.
    second = align(larger, ((landmarks + 0.5) * side / 260 - 0.5).astype(np.float32)).image
    first = align(picture, landmarks).image
    assert np.abs(first.astype(int) - second)[2:-2, 2:-2].mean() < 1.0


def test_fine_texture_of_a_large_face_is_averaged_and_does_not_alias() -> None:
    board = np.indices((1200, 1200)).sum(axis=0) % 2 * 255
    picture = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    crop = align(picture, TEMPLATE_112 * 6 + 200).image
    assert crop.std() < 10


def test_a_face_at_the_edge_is_filled_up_with_black() -> None:
    crop = align(_picture(), TEMPLATE_112 - 56).image
    assert crop[:40, :40].max() == 0
    assert crop[70:, 70:].mean() > 30


def test_the_crop_is_what_the_networks_were_trained_with() -> None:
    """The one path from pixels to the network's input: whoever changes it changes every score."""
    crop = align(_picture(), (TEMPLATE_112 * 1.37 + 20).astype(np.float32))
    assert crop.image.shape == (CROP_PX, CROP_PX, 3)
    assert crop.image.dtype == np.uint8
    # Means of 28x28 pixels, RGB; one grey level of difference between machines does not count.
    golden = [
        [[174, 148, 147], [148, 115, 117], [112, 174, 116], [159, 196, 61]],
        [[139, 123, 57], [108, 133, 126], [159, 175, 121], [157, 173, 100]],
        [[100, 160, 83], [81, 174, 153], [52, 135, 196], [142, 116, 170]],
        [[199, 153, 161], [162, 140, 141], [62, 188, 168], [65, 112, 151]],
    ]
    coarse = cv2.resize(crop.image, (4, 4), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(coarse, golden, atol=1)


def test_the_crop_is_rgb() -> None:
    blue = np.zeros((200, 200, 3), np.uint8)
    blue[..., 0] = 255
    crop = align(blue, TEMPLATE_112 + 40).image
    assert crop[..., 2].min() == 255
    assert crop[..., 0].max() == 0

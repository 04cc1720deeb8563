"""Head turns that invert each other, and splines that move features."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.synthetic.geometry import (
    HEAD_CENTRE,
    MEAN_SHAPE,
    WINDOW_PX,
    Pose,
    head_depth,
    project,
    spline_map,
    turn_map,
)
from models.vision.quality import head_pose

turns = st.builds(Pose, st.floats(-25, 25), st.floats(-18, 18), st.floats(-30, 30))
INNER = np.array([(x, y) for x in range(30, 66, 5) for y in range(30, 74, 5)], np.float64)


@given(turns, st.booleans())
def test_turn_map_and_project_are_inverse(pose: Pose, flat: bool) -> None:
    back = turn_map(pose, project(pose, INNER, flat), flat)
    # Beside and below the nose one point of the picture may show two of the face.
    errors = np.linalg.norm(back - INNER, axis=1)
    assert np.quantile(errors, 0.9) < 0.8
    if flat:
        assert errors.max() < 0.1


def test_pose_rotation_matrix_is_orthonormal() -> None:
    matrix = Pose(20, -10, 30).rotation()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_yaw_pitch_and_roll_turn_in_the_stated_directions() -> None:
    """The nose goes to the picture's right at positive yaw, and down at positive pitch; roll is clockwise."""
    nose = MEAN_SHAPE[2:3].astype(float)
    assert project(Pose(yaw_deg=20), nose)[0, 0] > nose[0, 0] + 5
    assert project(Pose(pitch_deg=20), nose)[0, 1] > nose[0, 1] + 3
    eyes = project(Pose(roll_deg=20), MEAN_SHAPE[:2])
    assert eyes[1, 1] > eyes[0, 1] + 5


@pytest.mark.parametrize("pose", [Pose(), Pose(20), Pose(-20), Pose(0, 12), Pose(0, -12), Pose(10, 5, 15)])
def test_the_pose_estimate_agrees_with_the_pose_that_was_drawn(pose: Pose) -> None:
    """Two independent models of a head, one to draw with and one to measure with."""
    yaw, pitch, roll = head_pose(project(pose, MEAN_SHAPE))
    assert yaw == pytest.approx(pose.yaw_deg, abs=9)
    assert pitch == pytest.approx(pose.pitch_deg, abs=9)
    assert roll == pytest.approx(pose.roll_deg, abs=5)


def test_a_photograph_turns_without_depth_and_a_head_with_it() -> None:
    """The nose moves against the eyes on a head; on a photograph a homography explains all points."""
    points = np.vstack([MEAN_SHAPE, [[20, 20], [75, 20], [20, 80], [75, 80]]]).astype(np.float32)
    for flat, most in ((True, 0.01), (False, np.inf)):
        turned = project(Pose(25, 5), points, flat)
        plane, _ = cv2.findHomography(points[[0, 1, 3, 4]], turned[[0, 1, 3, 4]])
        error = np.linalg.norm(cv2.perspectiveTransform(points[2:3][None], plane)[0] - turned[2:3])
        assert error < most
        assert flat or error > 3


def test_the_nose_is_the_highest_point_of_the_head() -> None:
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX].astype(float)
    depth = head_depth(x, y)
    top = np.unravel_index(depth.argmax(), depth.shape)
    assert np.hypot(top[1] - MEAN_SHAPE[2, 0], top[0] - MEAN_SHAPE[2, 1]) < 3
    assert depth[0, 0] < 0 < depth[int(HEAD_CENTRE[1]), int(HEAD_CENTRE[0])]


@given(st.lists(st.floats(-3, 3), min_size=10, max_size=10))
def test_a_spline_moves_features_exactly_and_holds_the_rim(moves: list[float]) -> None:
    target = MEAN_SHAPE + np.array(moves).reshape(5, 2)
    mapped = spline_map(MEAN_SHAPE, target)
    assert mapped.shape == (WINDOW_PX, WINDOW_PX, 2)
    seen = cv2.remap(mapped, target[None].astype(np.float32), None, cv2.INTER_LINEAR)[0]
    np.testing.assert_allclose(seen, MEAN_SHAPE, atol=0.25)
    np.testing.assert_allclose(mapped[0, 0], (0, 0), atol=1e-3)
    np.testing.assert_allclose(mapped[-1, -1], (95, 95), atol=1e-3)

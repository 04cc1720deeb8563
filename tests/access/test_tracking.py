"""The tracker, against every possible assignment and scenes whose truth is known."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.tracking import UNMATCHED_COST, Tracker, TrackingLimits, assign
from models.domain import Box, Face

FPS = 20.0


def face(x: float, y: float = 200.0, size: float = 80.0, score: float = 0.9) -> Face:
    """A face by its centre and side, in pixels."""
    half = size / 2
    return Face(Box(x - half, y - half, x + half, y + half), np.zeros((5, 2), np.float32), score)


@settings(deadline=None)
@given(
    st.integers(0, 5).flatmap(
        lambda rows: st.integers(0, 5).flatmap(
            lambda columns: st.lists(
                st.lists(st.floats(0, 4), min_size=columns, max_size=columns), min_size=rows, max_size=rows
            ).map(lambda values: np.array(values, dtype=np.float64).reshape(rows, columns))
        )
    )
)
def test_the_assignment_has_the_least_cost_of_all(costs: np.ndarray) -> None:
    clipped = np.minimum(costs, UNMATCHED_COST)
    short, long = sorted(costs.shape)
    wide = clipped if costs.shape[0] == short else clipped.T
    best = min(
        sum(wide[row, column] for row, column in enumerate(columns))
        for columns in itertools.permutations(range(long), short)
    )

    pairs = assign(costs)

    unmatched = min(costs.shape) - len(pairs)
    assert sum(costs[pair] for pair in pairs) + unmatched * UNMATCHED_COST == pytest.approx(best)
    assert all(costs[pair] < UNMATCHED_COST for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_two_people_who_cross_keep_their_numbers() -> None:
    """One walks right, one left, one a little lower; when they meet the further one is hidden for a while."""
    tracker = Tracker()
    seen: dict[str, set[int]] = {"near": set(), "far": set()}
    for step in range(60):
        near, far = face(100 + 8 * step, 210, 90), face(580 - 8 * step, 200, 70)
        hidden = abs(near.box.left + 45 - far.box.left - 35) < 60
        faces = {"near": near} if hidden else {"far": far, "near": near}
        for name, track in zip(faces, tracker.update(list(faces.values()), step / FPS), strict=True):
            assert track.face is faces[name]
            seen[name].add(track.track_id)

    assert seen == {"near": {2}, "far": {1}} or seen == {"near": {1}, "far": {2}}


def test_two_people_side_by_side_who_start_to_walk_keep_their_numbers() -> None:
    """Half a face's width in one step: the nearest face of the left track is as near to the right one."""
    tracker = Tracker()
    left, right = tracker.update([face(100), face(180)], 0.0)
    moved = tracker.update([face(140), face(220)], 1 / FPS)
    assert [track.track_id for track in moved] == [left.track_id, right.track_id]


@pytest.mark.parametrize(
    "after",
    [face(450), face(200, 400), face(200, size=160), face(200, size=40)],
    ids=["aside", "below", "twice-as-large", "half-as-large"],
)
def test_a_cut_starts_a_new_track(after: Face) -> None:
    tracker = Tracker()
    for step in range(10):
        [before] = tracker.update([face(200)], step / FPS)
    [track] = tracker.update([after], 10 / FPS)
    assert track.track_id != before.track_id
    assert track.frames == 1
    assert track.started_s == 10 / FPS


@pytest.mark.parametrize(("gap_s", "same"), [(0.3, True), (0.49, True), (0.51, False), (5.0, False)])
def test_a_track_survives_a_gap_of_half_a_second_and_no_longer(gap_s: float, same: bool) -> None:
    tracker = Tracker(TrackingLimits(max_gap_s=0.5))
    [before] = tracker.update([face(200)], 1.0)
    tracker.update([], 1.0 + gap_s / 2)
    [after] = tracker.update([face(205)], 1.0 + gap_s)
    assert (after.track_id == before.track_id) is same


def test_a_face_hidden_for_a_moment_is_expected_where_its_velocity_leads() -> None:
    tracker = Tracker()
    for step in range(10):
        [before] = tracker.update([face(100 + 20 * step)], step / FPS)
    [walker] = tracker.update([face(100 + 20 * 17)], 17 / FPS)
    assert walker.track_id == before.track_id

    tracker = Tracker()
    for step in range(10):
        [before] = tracker.update([face(100 + 20 * step)], step / FPS)
    [other] = tracker.update([face(100 + 20 * 9 - 30)], 17 / FPS)
    assert other.track_id != before.track_id, "somebody who is behind where the walker was is somebody else"


def test_a_track_has_its_start_and_frames_and_ended_tracks_are_not_live() -> None:
    tracker = Tracker()
    tracker.update([face(100), face(400)], 0.0)
    assert tracker.live_ids == {1, 2}
    [track] = tracker.update([face(402)], 0.4)
    assert (track.track_id, track.started_s, track.seen_s, track.frames) == (2, 0.0, 0.4, 2)
    assert tracker.live_ids == {1, 2}
    assert tracker.update([], 0.6) == []
    assert tracker.live_ids == {2}
    assert tracker.update([], 60.0) == []
    assert tracker.live_ids == frozenset()


def test_time_does_not_go_back() -> None:
    tracker = Tracker()
    tracker.update([], 2.0)
    with pytest.raises(ValueError, match="order of time"):
        tracker.update([], 1.9)
    with pytest.raises(ValueError, match="order of time"):
        tracker.update([], math.nan)


def test_a_face_without_a_finite_box_never_continues_a_track() -> None:
    tracker = Tracker()
    [first] = tracker.update([face(200)], 0.0)
    broken = [face(math.nan), face(200, size=0.0), face(200, size=math.inf)]
    ids = [track.track_id for track in tracker.update(broken, 0.05)]
    assert first.track_id not in ids
    assert len(set(ids)) == 3


FACES = st.lists(
    st.builds(face, st.floats(0, 640), st.floats(0, 480), st.floats(20, 200), st.floats(0.5, 1)), max_size=5
)


@settings(deadline=None)
@given(st.lists(FACES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_detections_makes_no_difference(frames: list[list[Face]], random) -> None:
    straight, shuffled = Tracker(), Tracker()
    for step, faces in enumerate(frames):
        mixed = random.sample(faces, len(faces))
        expected = [track.track_id for track in straight.update(faces, step / FPS)]
        given_ids = {
            id(f): t.track_id for f, t in zip(mixed, shuffled.update(mixed, step / FPS), strict=True)
        }
        twins = [(f.box, f.score) for f in faces]
        for position, one in enumerate(faces):
            if twins.count((one.box, one.score)) == 1:
                assert given_ids[id(one)] == expected[position]


@settings(deadline=None)
@given(st.lists(FACES, min_size=1, max_size=8), st.floats(0.01, 0.6))
def test_numbers_are_unique_in_a_frame_and_never_used_again(frames: list[list[Face]], step_s: float) -> None:
    tracker = Tracker()
    ended: set[int] = set()
    known: set[int] = set()
    for step, faces in enumerate(frames):
        ids = [track.track_id for track in tracker.update(faces, step * step_s)]
        assert len(set(ids)) == len(ids) == len(faces)
        assert not ended & set(ids)
        known |= set(ids)
        ended = known - tracker.live_ids


def test_small_cases_agree_with_trying_every_permutation() -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        costs = rng.uniform(0, 2.9, (4, 4))
        best = min(sum(costs[i, p[i]] for i in range(4)) for p in itertools.permutations(range(4)))
        assert sum(costs[pair] for pair in assign(costs)) == pytest.approx(best)

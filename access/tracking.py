"""`Tracker`: follows faces from frame to frame, so that evidence is gathered of one person, never of two.

Geometry alone: a face may continue a track when it is about where constant velocity predicts it, and about
as large. In doubt a track ends and a new one begins, which costs a person some frames; the reverse would
lend the evidence of one person to another. Two people of one size in one place before and after a cut look
alike to geometry: whoever gathers evidence compares the embeddings as well.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from models.domain import Box, Face

CostArray = npt.NDArray[np.float64]

UNMATCHED_COST = 3.0
"""Worse than any allowed pair: 1 for no overlap, 1 for the reach used up, and less than 1 for the size."""


@dataclass(frozen=True, slots=True)
class TrackingLimits:
    """What a real face may do between two frames. A face's size is the square root of its box's area.

    In three recorded clips of 30 frames a second, people walking, talking and turning stayed within 0.20
    sizes and a factor of 1.16 from frame to frame; the cuts that lent a face's track to another began at
    0.31 sizes.

    Attributes:
        max_gap_s: a track ends when its face was not seen for longer.
        reach: how far from its predicted place a face may be, in sizes, however short the time.
        reach_per_s: what each second since it was last seen adds to that.
        first_reach_per_s: the same for a face seen only once, whose velocity is not known.
        max_reach: where that ends.
        size_ratio: by which factor the size may change, however short the time.
        size_ratio_per_s: by which factor more for each second since it was last seen.
        max_size_ratio: where that ends.
    """

    max_gap_s: float = 0.5
    reach: float = 0.2
    reach_per_s: float = 1.5
    first_reach_per_s: float = 8.0
    max_reach: float = 1.0
    size_ratio: float = 1.2
    size_ratio_per_s: float = 3.0
    max_size_ratio: float = 1.7


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A face in this frame, and the track it continues.

    Attributes:
        track_id: from 1, never given to another track of the same tracker.
        face: as detected in this frame.
        started_s, seen_s: its first frame and this one, in the seconds given to `update`.
        frames: in how many frames it was seen, this one included.
    """

    track_id: int
    face: Face
    started_s: float
    seen_s: float
    frames: int


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """A live track, with the velocity of its face's centre in pixels per second."""

    track: Track
    velocity: tuple[float, float]

    def box_at(self, t_s: float) -> Box:
        """Where the face would be at `t_s` if it went on as before."""
        gap_s = t_s - self.track.seen_s
        right, down = self.velocity[0] * gap_s, self.velocity[1] * gap_s
        box = self.track.face.box
        return Box(box.left + right, box.top + down, box.right + right, box.bottom + down)


class Tracker:
    """Gives every face of every frame the number of its track."""

    def __init__(self, limits: TrackingLimits | None = None) -> None:
        self._limits = TrackingLimits() if limits is None else limits
        self._live: list[_Motion] = []
        self._last_id = 0
        self._t_s = -math.inf

    @property
    def live_ids(self) -> frozenset[int]:
        """The tracks that the next frame may continue; all others have ended for good."""
        return frozenset(motion.track.track_id for motion in self._live)

    def update(self, faces: list[Face], t_s: float) -> list[Track]:
        """Assign the faces of one frame; the order in which they are given makes no difference.

        Args:
            faces: all faces of the frame.
            t_s: when it was taken, in monotonic seconds.

        Returns:
            One track for each face, in the order of `faces`.

        Raises:
            ValueError: `t_s` is before the previous frame, or not a number.
        """
        if not t_s >= self._t_s:
            raise ValueError(f"frames come in the order of time: {t_s} s is not after {self._t_s} s")
        self._t_s = t_s
        self._live = [m for m in self._live if t_s - m.track.seen_s <= self._limits.max_gap_s]
        order = sorted(range(len(faces)), key=lambda position: _sort_key(faces[position]))
        costs = np.array(
            [[self._cost(m, faces[p], t_s) for p in order] for m in self._live], dtype=np.float64
        )
        continued = {order[column]: row for row, column in assign(costs.reshape(len(self._live), len(order)))}
        motions = {p: self._follow(continued.get(p), faces[p], t_s) for p in order}
        unseen = [m for row, m in enumerate(self._live) if row not in continued.values()]
        self._live = sorted([*unseen, *motions.values()], key=lambda m: m.track.track_id)
        return [motions[position].track for position in range(len(faces))]

    def _cost(self, motion: _Motion, face: Face, t_s: float) -> float:
        """How badly `face` continues a track: 0 is perfect, `UNMATCHED_COST` is not allowed."""
        limits, gap_s = self._limits, t_s - motion.track.seen_s
        predicted = motion.box_at(t_s)
        size, expected_size = math.sqrt(face.box.area), math.sqrt(predicted.area)
        if size <= 0 or expected_size <= 0:
            return UNMATCHED_COST
        reach_per_s = limits.first_reach_per_s if motion.track.frames == 1 else limits.reach_per_s
        reach = min(limits.max_reach, limits.reach + reach_per_s * gap_s)
        used = math.dist(_centre(face.box), _centre(predicted)) / (reach * min(size, expected_size))
        growth = abs(math.log(size / expected_size))
        allowed = min(limits.max_size_ratio, limits.size_ratio * limits.size_ratio_per_s**gap_s)
        # Written so that NaN is not allowed either.
        if not (used <= 1 and growth <= math.log(allowed)):
            return UNMATCHED_COST
        return 1 - predicted.iou(face.box) + used + growth

    def _follow(self, row: int | None, face: Face, t_s: float) -> _Motion:
        """The track of `face`: the live one in `row`, or a new one."""
        if row is None:
            self._last_id += 1
            return _Motion(Track(self._last_id, face, t_s, t_s, 1), (0.0, 0.0))
        before = self._live[row].track
        track = Track(before.track_id, face, before.started_s, t_s, before.frames + 1)
        return _Motion(track, _velocity(self._live[row], face, t_s))


def assign(costs: CostArray) -> list[tuple[int, int]]:
    """The pairs of rows and columns with the least total cost, where leaving one out costs `UNMATCHED_COST`.

    Args:
        costs: float64 (R, C), finite, 0 or more; `UNMATCHED_COST` or more means not allowed.

    Returns:
        The allowed pairs, by row.
    """
    rows, columns = linear_sum_assignment(np.minimum(costs, UNMATCHED_COST))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if costs[row, column] < UNMATCHED_COST]


def _velocity(motion: _Motion, face: Face, t_s: float) -> tuple[float, float]:
    """Pixels per second; the mean of the old and the new measurement, since single boxes tremble."""
    gap_s = t_s - motion.track.seen_s
    if gap_s <= 0:
        return motion.velocity
    (x, y), (old_x, old_y) = _centre(face.box), _centre(motion.track.face.box)
    new = ((x - old_x) / gap_s, (y - old_y) / gap_s)
    if motion.track.frames == 1:
        return new
    return (motion.velocity[0] + new[0]) / 2, (motion.velocity[1] + new[1]) / 2


def _centre(box: Box) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def _sort_key(face: Face) -> tuple[float, ...]:
    box = face.box
    return box.left, box.top, box.right, box.bottom, face.score

"""`Scene`: pictures of a door with synthetic people who come and go, and the truth of who is where.

The same scene at the same time gives the same picture: no frame depends on another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from models.domain import Box, FloatArray, Frame, ImageArray
from models.errors import CameraError
from models.synthetic.figure import Figure
from models.synthetic.geometry import Pose
from models.synthetic.painting import Placement, face_box, face_landmarks, paint
from models.synthetic.people import SyntheticPerson

# A face is about this many times as high as a pixel of the eigenfaces' window.
_FACE_WINDOW_PX = 72.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Place and pose of a person at one moment of a visit; between two stops the movement is smooth.

    Attributes:
        at: share of the visit that has passed, 0 to 1.
        x, y: the middle of the head, as shares of the picture's width and height; beyond 0 and 1 is outside.
        face: height of the face as a share of the picture's height.
        pose: how the head is turned.
    """

    at: float
    x: float
    y: float
    face: float
    pose: Pose = field(default_factory=Pose)


def walk_up(seed: int, face: float = 0.34) -> tuple[Stop, ...]:
    """Return a path that enters from a side, stops before the door and leaves; another for each seed."""
    rng = np.random.default_rng([seed, 11])
    side = 1 if rng.random() < 0.5 else -1
    x, y = rng.uniform(0.42, 0.58), rng.uniform(0.36, 0.44)
    glances = [Pose(*rng.uniform(-1, 1, 3) * (14, 7, 5)) for _ in range(3)]
    return (
        Stop(0.0, 0.5 - 0.85 * side, y + 0.04, face * 0.8, Pose(25.0 * side)),
        Stop(0.18, x, y, face, glances[0]),
        Stop(0.45, x + 0.01, y, face * 1.03, glances[1]),
        Stop(0.62, x, y - 0.01, face * 1.02, Pose(0.5 * glances[1].yaw_deg)),
        Stop(0.82, x - 0.01, y, face, glances[2]),
        Stop(1.0, 0.5 + 0.85 * side, y + 0.04, face * 0.85, Pose(25.0 * side)),
    )


@dataclass(frozen=True)
class Appearance:
    """One visit of a person to the scene.

    Attributes:
        person: who comes.
        start_s, duration_s: when, in seconds of the scene.
        seed: how they look and move this time.
        path: where they are, in the order of time; by default they walk up to the door.
        flat: a photograph of the person is held up instead.
    """

    person: SyntheticPerson
    start_s: float
    duration_s: float
    seed: int = 0
    path: tuple[Stop, ...] = ()
    flat: bool = False

    @cached_property
    def figure(self) -> Figure:
        """The figure to paint; drawn at first use and then kept."""
        return self.person.print_out(self.seed) if self.flat else self.person.visit(self.seed)

    @cached_property
    def stops(self) -> tuple[Stop, ...]:
        """The path, or without one `walk_up`."""
        return self.path or walk_up(self.person.seed * 7919 + self.seed)

    def place_at(self, t_s: float, size: tuple[int, int]) -> Placement | None:
        """Return the place at a time of the scene in a picture of (width, height); None when away."""
        passed = (t_s - self.start_s) / self.duration_s
        if not 0.0 <= passed < 1.0:
            return None
        before, after = next(
            ((one, two) for one, two in pairwise(self.stops) if one.at <= passed <= two.at),
            (self.stops[-1], self.stops[-1]),
        )
        span = max(after.at - before.at, 1e-9)
        share = min(1.0, max(0.0, (passed - before.at) / span))
        share = share * share * (3.0 - 2.0 * share)
        numbers = (1.0 - share) * _numbers(before) + share * _numbers(after)
        # A standing person moves: breathing and balance, some pixels at about a third of a hertz.
        sway = np.sin(2 * np.pi * (0.31 * t_s + np.array([0.0, 0.37, 0.71])) + self.seed)
        x, y, face, yaw, pitch, roll = numbers + np.array([0.004, 0.003, 0, 0.8, 0.5, 0.4]) * np.tile(sway, 2)
        return Placement(
            float(x * size[0]),
            float(y * size[1]),
            float(face * size[1] / _FACE_WINDOW_PX),
            Pose(float(yaw), float(pitch), float(roll)),
        )


def _numbers(stop: Stop) -> FloatArray:
    pose = stop.pose
    return np.array([stop.x, stop.y, stop.face, pose.yaw_deg, pose.pitch_deg, pose.roll_deg])


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One person in a frame: who, where, and how the head is turned.

    Attributes:
        person_seed: of the `SyntheticPerson`.
        box: where a detector should find the face; it may reach beyond the picture.
        landmarks: float32 (5, 2), about where the landmarks are, in the order of `Face.landmarks`.
        pose: how the head, or the photograph, is turned.
        flat: it is a photograph.
    """

    person_seed: int
    box: Box
    landmarks: FloatArray
    pose: Pose
    flat: bool


@dataclass(frozen=True)
class Scene:
    """A background and the people who come by.

    Attributes:
        visits: later ones are painted over earlier ones.
        size: width and height in pixels.
        background_seed: of the background and of the camera's noise.
        noise: standard deviation of the camera's noise, in grey levels.
    """

    visits: tuple[Appearance, ...]
    size: tuple[int, int] = (640, 480)
    background_seed: int = 0
    noise: float = 2.5

    @property
    def duration_s(self) -> float:
        """The time at which the last visitor is gone."""
        return max((visit.start_s + visit.duration_s for visit in self.visits), default=0.0)

    def frame_at(self, t_s: float) -> tuple[ImageArray, list[Truth]]:
        """Draw the picture at a time, uint8 (H, W, 3) BGR, and who is in it."""
        picture = self._background.copy()
        truths = []
        for visit in self.visits:
            place = visit.place_at(t_s, self.size)
            if place is None:
                continue
            paint(picture, visit.figure, place)
            box, landmarks = face_box(visit.figure, place), face_landmarks(visit.figure, place)
            truths.append(Truth(visit.person.seed, box, landmarks, place.pose, visit.flat))
        return self._with_noise(picture, t_s), truths

    def frames(self, fps: float) -> Iterator[tuple[Frame, list[Truth]]]:
        """Yield all frames of the scene at a steady rate, with the scene's own time, and who is in them."""
        for index in range(int(self.duration_s * fps)):
            picture, truths = self.frame_at(index / fps)
            yield Frame(picture, index / fps, index), truths

    @cached_property
    def _background(self) -> ImageArray:
        return draw_background(self.size, self.background_seed)

    @cached_property
    def _noise_tile(self) -> ImageArray:
        """Noise around 128, larger than the picture; each frame shows another part of it."""
        rng = np.random.default_rng([self.background_seed, 21])
        shape = (self.size[1] + 256, self.size[0] + 256, 3)
        return np.clip(rng.normal(128.0, self.noise, shape) + 0.5, 0, 255).astype(np.uint8)

    def _with_noise(self, picture: ImageArray, t_s: float) -> ImageArray:
        if self.noise <= 0:
            return picture
        rng = np.random.default_rng([self.background_seed, round(t_s * 1e4) & 0x7FFFFFFF])
        left, top = rng.integers(0, 256, 2)
        tile = self._noise_tile[top : top + self.size[1], left : left + self.size[0]]
        return np.asarray(cv2.addWeighted(picture, 1.0, tile, 1.0, -128.0), np.uint8)


def draw_background(size: tuple[int, int], seed: int) -> ImageArray:
    """Draw a wall with a door frame, a floor and soft light: uint8 (H, W, 3), BGR."""
    width, height = size
    rng = np.random.default_rng([seed, 31])
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    wall = rng.uniform(120, 190) * np.array([1.0, 1.0, 1.0]) + rng.normal(0, 10, 3)
    lamp_x = rng.uniform(0.1, 0.9)
    light = 0.7 + 0.45 * np.exp(-(((x - lamp_x) / 0.6) ** 2) - ((y + 0.1) / 0.9) ** 2)
    mottle = cv2.resize(rng.normal(0, 0.02, (24, 32)), size, interpolation=cv2.INTER_CUBIC)
    picture = wall * (light + mottle)[..., None]
    left = int(width * rng.uniform(0.05, 0.7))
    panel = picture[int(height * 0.08) :, left : left + int(width * 0.24)]
    panel *= rng.uniform(0.55, 0.85) * (1.0 + rng.normal(0, 0.05, 3))
    panel[:4] *= 0.7
    panel[:, :4] *= 0.7
    panel[:, -4:] *= 1.2
    floor = int(height * 0.86)
    picture[floor:] *= np.array([0.5, 0.55, 0.6])
    soft = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return np.asarray(np.clip(soft, 0, 255), np.uint8)


def record_clip(scene: Scene, path: Path, fps: float = 25.0) -> Iterator[list[Truth]]:
    """Write a scene as a video file (MPEG-4), a frame for each item taken; yields who is in each frame.

    Raises:
        CameraError: the file cannot be written.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, scene.size)
    if not writer.isOpened():
        raise CameraError(f"cannot write a clip to {path}: is the folder there, does the name end in .mp4?")
    try:
        for frame, truths in scene.frames(fps):
            writer.write(frame.image)
            yield truths
    finally:
        writer.release()


def write_clip(scene: Scene, path: Path, fps: float = 25.0) -> list[list[Truth]]:
    """Write a scene as a video file (MPEG-4) and return who is in each frame. Raises CameraError."""
    return list(record_clip(scene, path, fps))

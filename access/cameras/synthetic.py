"""`SyntheticCamera`: a camera before which synthetic people come and go; nobody real is seen."""

from access.cameras.due import newest_due
from models.domain import Frame
from models.errors import CameraLostError
from models.ports import Clock
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene

PASSERS_BY = 8
VISIT_S = 5.0
PAUSE_S = 2.0


class SyntheticCamera:
    """Takes `fps` pictures a second of a scene.

    With a simulated clock every picture is taken and the clock moves to its time: the same scene gives the
    same frames, bit for bit. With the system clock a slow reader gets the newest picture, as of any live
    camera.

    Args:
        scene: what to look at; its time begins when the camera is opened.
        clock: waits for each picture, and is the clock of `captured_at_s`.
        fps: pictures per second, more than 0.
        repeat: begin the scene anew when it is over, instead of ending.
    """

    def __init__(self, scene: Scene, clock: Clock, fps: float = 12.5, *, repeat: bool = False) -> None:
        if not fps > 0:
            raise ValueError(f"pictures per second are more than 0, not {fps}")
        if repeat and scene.duration_s <= 0:
            raise ValueError("a scene without visits cannot be repeated: give it a visit")
        self._scene = scene
        self._clock = clock
        self._fps = fps
        self._repeat = repeat
        self._start_s: float | None = None
        self._tick = 0
        self._index = 0

    def __enter__(self) -> "SyntheticCamera":
        """Begin the scene."""
        self._start_s = self._clock.monotonic_s()
        self._tick = self._index = 0
        return self

    def __exit__(self, *exc: object) -> None:
        """Leave the scene."""
        self._start_s = None

    def read(self) -> Frame | None:
        """The next picture at its time, or the newest when that has passed; None when the scene is over.

        Raises:
            CameraLostError: the camera is not open.
        """
        if self._start_s is None:
            raise CameraLostError("the camera is not open: enter it with `with` before reading")
        elapsed_s = self._clock.monotonic_s() - self._start_s
        tick = newest_due(elapsed_s, self._fps, self._tick)
        scene_s = tick / self._fps
        if scene_s >= self._scene.duration_s and not self._repeat:
            return None
        due_s = self._start_s + scene_s
        self._clock.sleep(due_s - self._clock.monotonic_s())
        image, _ = self._scene.frame_at(scene_s % self._scene.duration_s)
        frame = Frame(image, due_s, self._index)
        self._tick, self._index = tick + 1, self._index + 1
        return frame


def passers_by(seed: int) -> Scene:
    """Eight people who come to the door one after the other; the same for the same seed."""
    visits = tuple(
        Appearance(SyntheticPerson(seed * PASSERS_BY + number), number * (VISIT_S + PAUSE_S), VISIT_S, number)
        for number in range(PASSERS_BY)
    )
    return Scene(visits, background_seed=seed)

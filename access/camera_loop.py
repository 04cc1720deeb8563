"""`watch_camera`: feeds a camera's frames to a door's loop, and opens the camera again when it was lost."""

import math
import threading
from collections.abc import Callable, Iterator

from access.cameras.newest import reconnect_delay_s
from access.loop import DoorLoop
from models.domain import Frame
from models.errors import CameraAbsentError, CameraError
from models.events import DoorEvent
from models.ports import Camera

FAULT_SLICE_S = 1.0
"""While a camera is away its fault is repeated this often, so that the loop counts it as one that goes on."""

OnEvents = Callable[[list[DoorEvent]], None]
OnTurn = Callable[[CameraError | None, Frame | None], None]
"""Called after every frame that was judged (None and the frame), and every fault of the camera."""


def watch_camera(
    connect: Callable[[], Camera],
    loop: DoorLoop,
    stop: threading.Event,
    on_events: OnEvents,
    on_first_frame: Callable[[], None] = lambda: None,
    *,
    on_turn: OnTurn = lambda _trouble, _frame: None,
    retry_absent: bool = True,
) -> bool:
    """Feed a camera's frames to the loop until `stop` is set or the camera has ended; reconnect in between.

    Args:
        connect: makes the camera, not opened yet.
        loop: of the door.
        stop: ends it at the next frame.
        on_events: hears the events of every frame, of which there are mostly none.
        on_first_frame: called once, when the camera has delivered its first frame.
        on_turn: called after every frame that was judged, and every fault of the camera; what it raises goes
            to the caller.
        retry_absent: try again when the camera cannot be opened; a recording that is not there does not come.

    Returns:
        True when the camera has ended, False when `stop` was set.

    Raises:
        CameraAbsentError: the camera cannot be opened, and `retry_absent` is False.
    """

    def in_trouble(error: CameraError) -> bool:
        """Record the fault and wait; True when the door is to stop."""
        on_events(loop.fault(error))
        on_turn(error, None)
        return stop.wait(FAULT_SLICE_S)

    attempt, seen, ended = 0, False, False
    while not (ended or stop.is_set()):
        try:
            with connect() as camera:
                attempt = 0
                for frame in _frames(camera, stop, in_trouble):
                    if not seen:
                        seen = True
                        on_first_frame()
                    on_events(loop.step(frame))
                    on_turn(None, frame)
                ended = not stop.is_set()
        except CameraError as error:
            if isinstance(error, CameraAbsentError) and not retry_absent:
                raise
            for _ in range(math.ceil(reconnect_delay_s(attempt) / FAULT_SLICE_S)):
                if in_trouble(error):
                    break
            attempt += 1
    on_events(loop.finish())
    return ended


def _frames(
    camera: Camera, stop: threading.Event, in_trouble: Callable[[CameraError], object]
) -> Iterator[Frame]:
    while not stop.is_set():
        try:
            frame = camera.read()
        except CameraError as error:  # the camera reconnects by itself and says when it is back
            in_trouble(error)
            continue
        if frame is None:
            return
        yield frame

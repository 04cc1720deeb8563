"""`replay_clip`: the door's loop on a recording, by the recording's own clock: the same events every time."""

from collections.abc import Iterator
from pathlib import Path

from access.assembly import build_open_loop
from access.cameras.clip import ClipCamera
from access.loop import DoorLoop
from access.record import MemoryAudit
from models.clock import SimulatedClock
from models.events import DoorEvent, EventKind
from models.ports import Camera
from models.site import Site


def replay_clip(site: Site, clip: Path) -> Iterator[DoorEvent]:
    """Every decision on a clip. Nothing is written into the register and no real lock moves.

    The rules are not asked: nobody knows at what time of day a clip was taken.

    Raises:
        CameraAbsentError: there is no such clip.
    """
    clock = SimulatedClock()
    loop, _ = build_open_loop(site, clock, MemoryAudit())
    with ClipCamera(clip, clock) as camera:
        for event in run_through(camera, loop):
            if event.kind is EventKind.DECISION:  # no lock was there that could move
                yield event


def run_through(camera: Camera, loop: DoorLoop) -> Iterator[DoorEvent]:
    """Every event from the first frame of an open camera to its last."""
    while (frame := camera.read()) is not None:
        yield from loop.step(frame)
    yield from loop.finish()

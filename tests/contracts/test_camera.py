"""What every camera keeps to, whether it is live or a recording."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from access.cameras import opencv
from access.cameras.clip import ClipCamera
from access.cameras.folder import FolderCamera
from access.cameras.newest import NewestFrameCamera
from access.cameras.opencv import OpenCvCamera
from access.cameras.synthetic import SyntheticCamera
from models.clock import SimulatedClock, SystemClock
from models.errors import CameraAbsentError, CameraError
from models.ports import Camera, Clock
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene
from tests.access.cameras.mjpeg import MjpegServer, numbered_picture

FRAMES = 6


@dataclass
class Subject:
    """A camera under test: where it is, what is missing when it is absent, and whether it ends."""

    camera: Camera
    clock: Clock
    ends: bool
    absent: Camera | None


def write_video(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for index in range(frames):
        writer.write(numbered_picture(index))
    writer.release()
    return path


def clip(folder: Path, stack: ExitStack) -> Subject:
    clock = SimulatedClock()
    camera = ClipCamera(write_video(folder / "a.avi", FRAMES), clock)
    return Subject(camera, clock, True, ClipCamera(folder / "b.avi", clock))


def pictures(folder: Path, stack: ExitStack) -> Subject:
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index}.png"), numbered_picture(index))
    clock = SimulatedClock()
    return Subject(FolderCamera(folder, clock), clock, True, FolderCamera(folder / "none", clock))


def synthetic(folder: Path, stack: ExitStack) -> Subject:
    clock = SimulatedClock()
    visit = Appearance(SyntheticPerson(5), start_s=0.0, duration_s=FRAMES / 10)
    camera = SyntheticCamera(Scene((visit,), size=(160, 120)), clock, fps=10)
    return Subject(camera, clock, True, None)


def device(folder: Path, stack: ExitStack) -> Subject:
    """A device without its driver: a link that leads to a long video, which FFmpeg reads in place of V4L2."""
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(opencv, "DEVICE_BACKEND", cv2.CAP_FFMPEG)
    link = folder / "usb-CAMERA-video-index0"
    link.symlink_to(write_video(folder / "video0.avi", 10 * FRAMES))
    clock = SystemClock()
    return Subject(
        OpenCvCamera(str(link), clock), clock, False, OpenCvCamera(str(folder / "usb-GONE"), clock)
    )


def unwrapped_stream(folder: Path, stack: ExitStack) -> Subject:
    server, clock = stack.enter_context(MjpegServer()), SystemClock()
    camera = OpenCvCamera(server.address, clock, open_timeout_s=2.0)
    return Subject(camera, clock, False, OpenCvCamera("http://127.0.0.1:9/", clock, open_timeout_s=0.5))


def stream(folder: Path, stack: ExitStack) -> Subject:
    plain = unwrapped_stream(folder, stack)
    absent = plain.absent
    assert absent is not None
    camera = NewestFrameCamera(lambda: plain.camera, plain.clock)
    return Subject(camera, plain.clock, False, NewestFrameCamera(lambda: absent, plain.clock))


Maker = Callable[[Path, ExitStack], Subject]

MAKERS: dict[str, Maker] = {
    "device": device,
    "stream": stream,
    "clip": clip,
    "folder": pictures,
    "synthetic": synthetic,
}
"""A maker for each kind in the settings."""
PARTS: dict[str, Maker] = {"unwrapped_stream": unwrapped_stream}
"""Cameras that another one wraps."""


@pytest.fixture(params=MAKERS | PARTS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with ExitStack() as stack:
        yield (MAKERS | PARTS)[request.param](tmp_path, stack)


def test_every_kind_satisfies_the_camera_protocol(subject: Subject) -> None:
    assert isinstance(subject.camera, Camera)
    with subject.camera as entered:
        assert isinstance(entered, Camera)


def test_frames_are_colour_pictures_of_their_own_with_growing_times(subject: Subject) -> None:
    opened_s = subject.clock.monotonic_s()
    with subject.camera as camera:
        frames = [camera.read() for _ in range(4)]
        for frame in frames:
            assert frame is not None
            assert (frame.image.dtype, frame.image.shape) == (np.uint8, (120, 160, 3))
            assert opened_s <= frame.captured_at_s <= subject.clock.monotonic_s()
        times = [frame.captured_at_s for frame in frames if frame is not None]
        numbers = [frame.index for frame in frames if frame is not None]
        pictures_seen = {frame.image.tobytes() for frame in frames if frame is not None}
    assert times == sorted(set(times))
    assert numbers == sorted(set(numbers))
    assert len(pictures_seen) == 4, "a later frame must not overwrite an earlier one"


def test_a_recording_ends_with_none_again_and_again(subject: Subject) -> None:
    with subject.camera as camera:
        frames = [camera.read() for _ in range(FRAMES)]
        assert None not in frames
        if subject.ends:
            assert [camera.read() for _ in range(3)] == [None] * 3
            assert [frame.index for frame in frames if frame is not None] == list(range(FRAMES))
        else:
            assert camera.read() is not None


def test_a_camera_can_be_opened_again_and_counts_from_zero(subject: Subject) -> None:
    for _ in range(2):
        with subject.camera as camera:
            frame = camera.read()
            assert frame is not None
            assert frame.index == 0 or not subject.ends


def test_reading_a_camera_that_is_not_open_is_a_typed_failure(subject: Subject) -> None:
    with pytest.raises(CameraError, match="not open"):
        subject.camera.read()
    with subject.camera:
        pass
    with pytest.raises(CameraError, match="not open"):
        subject.camera.read()


def test_closing_twice_is_harmless_and_leaves_no_thread(subject: Subject) -> None:
    before = {thread for thread in threading.enumerate() if thread.name == "camera-reader"}
    with subject.camera as camera:
        camera.read()
    subject.camera.__exit__()
    after = {thread for thread in threading.enumerate() if thread.name == "camera-reader"}
    assert after == before


@pytest.mark.parametrize("subject", sorted((MAKERS | PARTS).keys() - {"synthetic"}), indirect=True)
def test_an_absent_camera_says_so_at_once(subject: Subject) -> None:
    """All but the synthetic camera, which is always there."""
    assert subject.absent is not None
    start_s = time.monotonic()
    with pytest.raises(CameraAbsentError) as caught:
        subject.absent.__enter__()
    assert time.monotonic() - start_s < 2.0
    assert ":" in str(caught.value), "the message says what to do"

"""RTSP cameras, read from GStreamer's server: two codecs, passwords, stalls, late pictures, a restart."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from access.camera_loop import watch_camera
from access.cameras import open_camera
from access.cameras.newest import NewestFrameCamera
from access.cameras.opencv import OpenCvCamera
from models.clock import SystemClock
from models.domain import Frame
from models.errors import CameraAbsentError, CameraError, CameraLostError
from models.events import DoorEvent
from models.ports import Camera
from models.settings.camera import StreamCameraSettings
from tests.access.cameras.line import Line
from tests.access.cameras.mjpeg import MjpegServer, number_of
from tests.access.cameras.rtsp import FPS, PASSWORD, USER, RtspServer, need_rtsp_server
from tests.access.door import Door

pytestmark = pytest.mark.slow

CLOCK = SystemClock()
STALE_S = 0.5
HELD_S = 1.8
SURE_S = 30.0
"""So long a busy machine may take for what takes a second."""

ON_THE_WAY_S = 0.3
"""The least time from taking a picture to having it; the best of many pictures, also on a busy machine."""


@pytest.fixture(autouse=True)
def _server_is_there() -> None:
    need_rtsp_server()


def camera_at(address: str, *, read_timeout_s: float = 5.0, timestamps: bool = True) -> OpenCvCamera:
    return OpenCvCamera(
        address,
        CLOCK,
        open_timeout_s=SURE_S,
        read_timeout_s=read_timeout_s,
        stale_s=STALE_S,
        timestamps=timestamps,
    )


def frames_for(camera: Camera, seconds: float) -> Iterator[Frame]:
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        frame = camera.read()
        assert frame is not None
        yield frame


def frame_within(camera: Camera, seconds: float = SURE_S) -> Frame:
    """The first frame, with a camera that is in trouble now."""
    ends_s = time.monotonic() + seconds
    while True:
        try:
            frame = camera.read()
        except CameraError:
            assert time.monotonic() < ends_s, "the camera does not come back"
            continue
        assert frame is not None
        return frame


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_pictures_come_in_order_and_have_the_time_when_they_were_taken(codec: str, auth: str) -> None:
    with RtspServer(codec, auth) as server, camera_at(server.address(f"{USER}:{PASSWORD}")) as camera:
        frames = [camera.read() for _ in range(FPS)]
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers == sorted(set(numbers))
    for frame, number in zip(frames, numbers, strict=True):
        assert 0 <= frame.captured_at_s - server.taken_s(number) < ON_THE_WAY_S + STALE_S
    assert min(f.captured_at_s - server.taken_s(n) for f, n in zip(frames, numbers, strict=True)) < (
        ON_THE_WAY_S
    )


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_wrong_password_is_an_absent_camera_and_is_printed_nowhere(
    auth: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with RtspServer("mjpeg", auth) as server:
        settings = StreamCameraSettings(source=server.address(f"{USER}:wr0ng-{PASSWORD}"))
        for camera in (camera_at(settings.source), open_camera(settings, CLOCK)):
            with pytest.raises(CameraAbsentError, match="check the address, the user name"):
                camera.__enter__()
        with pytest.raises(CameraAbsentError) as caught:
            camera_at(server.address()).__enter__()
    said = "".join(capfd.readouterr()) + str(caught.value)
    assert "401" in said, "FFmpeg says why on stderr"
    assert PASSWORD not in said


def test_a_right_password_is_printed_nowhere_when_the_camera_is_lost(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with RtspServer("mjpeg", "digest") as server:
        address = server.address(f"{USER}:{PASSWORD}")
        with NewestFrameCamera(lambda: camera_at(address), CLOCK, lost_s=0.5, open_s=SURE_S) as camera:
            frame_within(camera)
            server.stop()
            with pytest.raises(CameraLostError) as caught:
                for _ in range(100):
                    camera.read()
    said = "".join(capfd.readouterr())
    assert "the camera is in trouble" in said
    assert PASSWORD not in said + str(caught.value)


def test_what_waited_while_the_reader_was_busy_is_left_out() -> None:
    with RtspServer() as server, camera_at(server.address()) as camera:
        before = list(frames_for(camera, 1.0))[-1]
        time.sleep(HELD_S)
        after_s = time.monotonic()
        after = camera.read()
    skipped = number_of(after.image) - number_of(before.image)
    assert skipped > (HELD_S - STALE_S - ON_THE_WAY_S) * FPS
    assert after_s - after.captured_at_s < STALE_S
    assert after.captured_at_s - server.taken_s(number_of(after.image)) < ON_THE_WAY_S


def test_what_a_line_held_up_is_left_out() -> None:
    with (
        RtspServer() as server,
        Line(server.port) as line,
        camera_at(server.address(port=line.port)) as camera,
    ):
        before = list(frames_for(camera, 1.0))[-1]
        line.hold()
        threading.Timer(HELD_S, line.release).start()
        frames = [before, *frames_for(camera, HELD_S + 1.5)]
    taken_s = [server.taken_s(number_of(frame.image)) for frame in frames]
    for frame, took_s in zip(frames, taken_s, strict=True):
        assert 0 <= frame.captured_at_s - took_s < ON_THE_WAY_S, "no picture passes for younger than it is"
    gap_s = max(later - earlier for earlier, later in pairwise(taken_s))
    assert gap_s > HELD_S - STALE_S - ON_THE_WAY_S, "what was taken while the line was held has not come"
    assert frames[-1].captured_at_s > before.captured_at_s + HELD_S, "it goes on afterwards"


def test_without_belief_in_time_stamps_a_held_up_line_is_noticed_by_its_pause() -> None:
    with (
        RtspServer("mjpeg") as server,
        Line(server.port) as line,
        camera_at(server.address(port=line.port), timestamps=False) as camera,
    ):
        numbers = [number_of(frame.image) for frame in frames_for(camera, 1.5)]
        line.hold()
        threading.Timer(HELD_S, line.release).start()
        numbers += [number_of(frame.image) for frame in frames_for(camera, HELD_S + 1.5)]
    skipped = max(later - earlier for earlier, later in pairwise(numbers))
    assert skipped > (HELD_S - STALE_S - ON_THE_WAY_S) * FPS


def test_a_stalled_stream_is_lost_and_comes_back() -> None:
    with RtspServer() as server:
        settings = StreamCameraSettings(source=server.address(), lost_s=2.0)
        with open_camera(settings, CLOCK) as camera:
            frame_within(camera)
            server.say("stalled")
            with pytest.raises(CameraLostError, match="no picture for 2 s"):
                for _ in range(100):
                    camera.read()
            server.say("live")
            frame = frame_within(camera)
    assert frame.captured_at_s - server.taken_s(number_of(frame.image)) < ON_THE_WAY_S + STALE_S


@pytest.mark.parametrize("protocol", ["rtsp", "http"])
def test_a_camera_that_restarts_is_one_fault_and_the_door_goes_on(protocol: str) -> None:
    door, events, stop = Door(), list[DoorEvent](), threading.Event()
    door.clock = CLOCK  # type: ignore[assignment]
    door.__post_init__()
    judged, trouble = threading.Semaphore(0), threading.Event()

    def on_turn(error: CameraError | None, _frame: Frame | None) -> None:
        if error is None:
            judged.release()
        else:
            trouble.set()

    with RtspServer() if protocol == "rtsp" else MjpegServer() as server:
        address = server.address() if isinstance(server, RtspServer) else server.address
        settings = StreamCameraSettings(source=address, lost_s=2.0)
        watching = threading.Thread(
            target=watch_camera,
            args=(lambda: open_camera(settings, CLOCK), door.loop, stop, events.extend),
            kwargs={"on_turn": on_turn},
        )
        watching.start()
        try:
            assert judged.acquire(timeout=SURE_S)
            server.stop()
            assert trouble.wait(SURE_S)
            while judged.acquire(blocking=False):
                pass
            server.start()
            assert judged.acquire(timeout=SURE_S), "a frame is judged again"
        finally:
            stop.set()
            watching.join()
    assert [(event.outcome, event.reason) for event in events] == [("fault", "camera_fault")]

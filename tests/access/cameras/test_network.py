"""Network cameras, read through HTTP from a server here that stalls, dies, comes back and freezes."""

import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from access.cameras import opencv
from access.cameras.newest import NewestFrameCamera, reconnect_delay_s
from access.cameras.opencv import OpenCvCamera, shown_source
from models.clock import SystemClock
from models.errors import CameraAbsentError, CameraError, CameraFrozenError, CameraLostError
from models.ports import Camera
from tests.access.cameras.line import Line
from tests.access.cameras.mjpeg import MjpegServer, number_of

CLOCK = SystemClock()


def plain(server: MjpegServer, read_timeout_s: float = 0.4) -> OpenCvCamera:
    return OpenCvCamera(server.address, CLOCK, open_timeout_s=1.0, read_timeout_s=read_timeout_s)


def newest(server: MjpegServer, lost_s: float = 0.6, frozen_s: float = 0.5) -> NewestFrameCamera:
    return NewestFrameCamera(lambda: plain(server), CLOCK, lost_s=lost_s, frozen_s=frozen_s)


def number_read(camera: Camera) -> int:
    frame = camera.read()
    assert frame is not None
    return number_of(frame.image)


def outcomes(camera: Camera, seconds: float) -> Iterator[type[CameraError] | None]:
    """What reading gives for a while: None for a frame, or the error's class."""
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        try:
            camera.read()
            yield None
        except CameraError as error:
            yield type(error)


def test_every_frame_comes_in_order_without_the_thread(server: MjpegServer) -> None:
    with plain(server) as camera:
        frames = [camera.read() for _ in range(5)]
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert [frame.index for frame in frames] == list(range(5))


def test_a_slow_reader_sees_the_present(server: MjpegServer) -> None:
    with newest(server) as camera:
        for _ in range(3):
            time.sleep(0.3)
            number = number_read(camera)
            age_s = time.monotonic() - server.sent_s[number]
            assert age_s < 0.2, "a frame is at most a few intervals of 40 ms old"


def test_a_frame_is_delivered_once_and_dropped_ones_show_in_the_index(server: MjpegServer) -> None:
    with newest(server) as camera:
        first = camera.read()
        time.sleep(0.4)
        second, third = camera.read(), camera.read()
    assert first is not None and second is not None and third is not None
    assert second.index - first.index > 4
    assert number_of(first.image) < number_of(second.image) < number_of(third.image)
    assert first.captured_at_s < second.captured_at_s < third.captured_at_s


@pytest.mark.slow
def test_a_server_that_stalls_is_lost_and_comes_back(server: MjpegServer) -> None:
    with newest(server) as camera:
        assert camera.read() is not None
        server.mode = "stalled"
        start_s = time.monotonic()
        with pytest.raises(CameraLostError, match="no picture"):
            for _ in range(100):
                camera.read()
        assert 0.5 < time.monotonic() - start_s < 2.0
        server.mode = "live"
        assert None in outcomes(camera, 6.0), "the reader reconnects by itself"
    assert server.connections >= 2


@pytest.mark.slow
def test_a_server_that_dies_is_lost_and_found_again(server: MjpegServer) -> None:
    with newest(server) as camera:
        assert camera.read() is not None
        server.stop()
        seen = list(outcomes(camera, 1.5))
        assert seen[-1] is CameraLostError
        server.start()
        assert None in outcomes(camera, 6.0)
    assert server.connections >= 2


@pytest.mark.slow
def test_a_frozen_picture_is_noticed_and_reported_until_it_moves(server: MjpegServer) -> None:
    with newest(server) as camera:
        assert camera.read() is not None
        server.mode = "frozen"
        seen = list(outcomes(camera, 2.0))
        assert seen[0] is None
        assert seen[-1] is CameraFrozenError
        assert CameraLostError not in seen
        server.mode = "live"
        assert None in outcomes(camera, 6.0)


def test_a_wrong_password_is_an_absent_camera_and_is_printed_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with MjpegServer(login="door:s3cret") as server:
        host = server.address.removeprefix("http://")
        with OpenCvCamera(f"http://door:s3cret@{host}", CLOCK) as camera:
            assert number_read(camera) > 0
        with pytest.raises(CameraAbsentError, match="check the address, the user name") as caught:
            OpenCvCamera(f"http://door:s3cret-not@{host}", CLOCK).__enter__()
    said = "".join(capfd.readouterr()) + str(caught.value)
    assert host.split("/")[0] in said
    assert "s3cret" not in said


@pytest.mark.slow
def test_what_a_line_held_up_is_left_out(server: MjpegServer) -> None:
    held_s, stale_s = 1.5, 0.5
    port = int(server.address.split(":")[2].split("/")[0])
    with Line(port) as line:
        address = server.address.replace(str(port), str(line.port))
        with OpenCvCamera(address, CLOCK, read_timeout_s=10.0, stale_s=stale_s) as camera:
            numbers = [number_read(camera) for _ in range(25)]
            line.hold()
            threading.Timer(held_s, line.release).start()
            numbers += [number_read(camera) for _ in range(25)]
    gaps_s = [server.sent_s[later] - server.sent_s[earlier] for earlier, later in pairwise(numbers)]
    assert max(gaps_s) > held_s - stale_s


def test_no_server_is_absent_at_once(server: MjpegServer) -> None:
    server.stop()
    start_s = time.monotonic()
    for camera in (plain(server), newest(server)):
        with pytest.raises(CameraAbsentError, match=r"127\.0\.0\.1"):
            camera.__enter__()
    assert time.monotonic() - start_s < 2.0


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_never_answers_is_absent_within_the_limit(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        camera = OpenCvCamera(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/", CLOCK, open_timeout_s=0.3)
        start_s = time.monotonic()
        with pytest.raises(CameraAbsentError):
            camera.__enter__()
    assert time.monotonic() - start_s < 1.5


@pytest.mark.parametrize("device", [63, 10**30, -7])
def test_a_device_that_is_not_there_is_absent(device: int) -> None:
    with pytest.raises(CameraAbsentError, match="plugged in"):
        OpenCvCamera(device, CLOCK, width=640, height=480).__enter__()


def test_messages_show_no_password() -> None:
    with pytest.raises(CameraAbsentError) as caught:
        OpenCvCamera("http://admin:hunter2@127.0.0.1:9/live?token=s3", CLOCK, open_timeout_s=0.3).__enter__()
    assert "hunter2" not in str(caught.value)
    assert "s3" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (3, "camera device 3"),
        ("/dev/video0", "camera device /dev/video0"),
        ("rtsp://door.lan/live", "the camera at rtsp://door.lan"),
        ("rtsp://admin:hunter2@door.lan:554/live", "the camera at rtsp://door.lan:554"),
        ("http://admin:hunter2@[fe80::1]:80/", "the camera at http://[fe80::1]:80"),
        ("rtsp://door.lan/user=admin&password=hunter2&channel=1", "the camera at rtsp://door.lan"),
        ("http://door.lan?password=hunter2", "the camera at http://door.lan"),
        ("rtsp://admin:hunter2/hunter2@door.lan/", "the camera at its address"),
        ("rtsp://admin:hunter2?@door.lan/", "the camera at its address"),
        ("rtsp://admin:hunter2#x@door.lan/", "the camera at its address"),
        ("rtsp://admin:11/hunter2@door.lan/", "the camera at its address"),
        ("http://door.lan/live?user=a@b&password=hunter2", "the camera at its address"),
    ],
)
def test_a_shown_source_has_the_host_and_nothing_that_may_be_a_password(
    source: int | str, shown: str
) -> None:
    assert shown_source(source) == shown


def test_an_absent_device_is_named_beside_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "DEVICE_FOLDER", tmp_path)
    missing = f"{tmp_path}/v4l/by-id/usb-gone"
    with pytest.raises(CameraAbsentError, match=f"there is no {missing}: this machine has no camera"):
        OpenCvCamera(missing, CLOCK).__enter__()
    (tmp_path / "v4l" / "by-id").mkdir(parents=True)
    for name in ("video0", "video1", "v4l/by-id/usb-here"):
        (tmp_path / name).touch()
    with pytest.raises(CameraAbsentError) as caught:
        OpenCvCamera(missing, CLOCK).__enter__()
    there = [f"{tmp_path}/{name}" for name in ("v4l/by-id/usb-here", "video0", "video1")]
    assert f"there is no {missing}: this machine has {', '.join(there)}" in str(caught.value)


def test_a_device_path_that_is_no_camera_could_not_be_opened(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("no camera")
    with pytest.raises(CameraAbsentError, match=f"camera device {tmp_path}/video0 could not be opened"):
        OpenCvCamera(f"{tmp_path}/video0", CLOCK, width=640, height=480).__enter__()


def test_a_device_is_opened_by_the_path_that_its_link_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    class Capture:
        def open(self, *arguments: object) -> bool:
            asked.extend(arguments)
            return False

        def release(self) -> None: ...

    (tmp_path / "video2").touch()
    link = tmp_path / "usb-046d_C920-video-index0"
    link.symlink_to(tmp_path / "video2")
    monkeypatch.setattr(opencv.cv2, "VideoCapture", Capture)
    with pytest.raises(CameraAbsentError):
        OpenCvCamera(str(link), CLOCK).__enter__()
    assert asked == [str(tmp_path / "video2"), opencv.DEVICE_BACKEND]


def test_the_delay_grows_to_half_a_minute() -> None:
    assert [reconnect_delay_s(attempt) for attempt in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert reconnect_delay_s(10**6) == 30

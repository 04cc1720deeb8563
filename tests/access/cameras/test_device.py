"""A camera that is plugged in, where there is one."""

from pathlib import Path

import pytest

from access.cameras import open_camera
from models.clock import SystemClock
from models.settings.camera import DeviceCameraSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def device() -> str:
    """The path of a camera; skips where none is plugged in."""
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    if not found:
        pytest.skip("no /dev/video*: plug in a camera to run this test")
    return found[0]


def test_a_camera_that_is_plugged_in_delivers_and_can_be_opened_again(device: str) -> None:
    clock = SystemClock()
    for _ in range(2):
        with open_camera(DeviceCameraSettings(source=device), clock) as camera:
            opened_s = clock.monotonic_s()
            frames = [camera.read() for _ in range(5)]
        times_s = [frame.captured_at_s for frame in frames if frame is not None]
        assert len(times_s) == 5
        assert times_s == sorted(times_s)
        assert times_s[0] > opened_s - 10.0

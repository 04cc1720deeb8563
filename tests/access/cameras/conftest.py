"""What the camera tests share."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.access.cameras.mjpeg import MjpegServer, numbered_picture

CLIP_FRAMES = 12
CLIP_FPS = 10.0


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer() as running:
        yield running


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), CLIP_FPS, (160, 120))
    for index in range(CLIP_FRAMES):
        writer.write(numbered_picture(index))
    writer.release()
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in (2, 0, 1):
        cv2.imwrite(str(folder / f"{index}.png"), numbered_picture(index))
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = {thread for thread in threading.enumerate() if thread not in before}
    for thread in left:
        thread.join(2.0)  # one that hung in a driver ends soon after the driver wakes
    left = {thread for thread in left if thread.is_alive()}
    assert not left, f"threads left behind: {left}"

"""Which source makes which camera."""

from pathlib import Path

import pytest

from access.cameras import open_camera
from access.cameras.clip import ClipCamera
from access.cameras.folder import FolderCamera
from access.cameras.newest import NewestFrameCamera
from access.cameras.synthetic import SyntheticCamera
from models.clock import SimulatedClock
from models.errors import ConfigError
from models.ports import Camera
from models.settings import CameraSettings

SETTINGS = CameraSettings()


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("device:0", NewestFrameCamera),
        ("1", NewestFrameCamera),
        ("rtsp://user:word@10.0.0.7:554/live", NewestFrameCamera),
        ("HTTP://camera.lan/video", NewestFrameCamera),
        ("https://camera.lan/video", NewestFrameCamera),
        ("clip:somewhere/visit", ClipCamera),
        ("somewhere/visit.MP4", ClipCamera),
        ("folder:somewhere", FolderCamera),
        ("synthetic", SyntheticCamera),
        ("synthetic:7", SyntheticCamera),
    ],
)
def test_each_source_has_its_camera(source: str, kind: type) -> None:
    camera = open_camera(source, SETTINGS, SimulatedClock())
    assert type(camera) is kind
    assert isinstance(camera, Camera)


def test_the_path_of_a_folder_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_camera(str(tmp_path), SETTINGS, SimulatedClock()), FolderCamera)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "device:",
        "device:-1",
        "device:one",
        "device:²",
        "²",
        "clip:",
        "folder:",
        "synthetic:x",
        "ftp://camera",
        "visit",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(source: str) -> None:
    with pytest.raises(ConfigError, match=r"device:NUMBER.*rtsp://.*clip:PATH.*folder:PATH.*synthetic:SEED"):
        open_camera(source, SETTINGS, SimulatedClock())


def test_a_password_in_a_wrong_source_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        open_camera("rtmp://admin:hunter2@camera.lan/live", SETTINGS, SimulatedClock())
    assert "hunter2" not in str(caught.value)

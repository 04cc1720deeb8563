"""`open_camera`: which source is of which kind, and which camera is made for it."""

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
from models.settings.camera import kind_of_source
from models.settings.load import load_settings


def settings_of(home: Path, source: object) -> object:
    value = str(source) if isinstance(source, int) else f'"{source}"'
    (home / "doorward.toml").write_text(f"[camera]\nsource = {value}\n")
    return load_settings(home).camera


@pytest.mark.parametrize(
    ("source", "kind", "camera"),
    [
        (0, "device", NewestFrameCamera),
        ("0", "device", NewestFrameCamera),
        ("device:1", "device", NewestFrameCamera),
        ("/dev/video0", "device", NewestFrameCamera),
        ("device:/dev/video2", "device", NewestFrameCamera),
        ("/dev/v4l/by-id/usb-046d_C920-video-index0", "device", NewestFrameCamera),
        ("rtsp://user:word@10.0.0.7:554/live", "stream", NewestFrameCamera),
        ("HTTP://camera.lan/video", "stream", NewestFrameCamera),
        ("https://camera.lan/video.mp4", "stream", NewestFrameCamera),
        ("clip:somewhere/visit", "clip", ClipCamera),
        ("somewhere/visit.MP4", "clip", ClipCamera),
        ("visit.mp4", "clip", ClipCamera),
        ("folder:somewhere", "folder", FolderCamera),
        ("./pictures", "folder", FolderCamera),
        ("synthetic", "synthetic", SyntheticCamera),
        ("synthetic:7", "synthetic", SyntheticCamera),
    ],
)
def test_each_source_has_its_kind_and_each_kind_its_camera(
    tmp_path: Path, source: object, kind: str, camera: type
) -> None:
    settings = settings_of(tmp_path, source)
    assert settings.kind == kind  # type: ignore[attr-defined]
    opened = open_camera(settings, SimulatedClock())  # type: ignore[arg-type]
    assert type(opened) is camera
    assert isinstance(opened, Camera)


def test_a_number_is_a_number_and_the_seed_is_read(tmp_path: Path) -> None:
    assert kind_of_source("3") == ("device", {"source": 3})
    assert settings_of(tmp_path, "0").source == 0  # type: ignore[attr-defined]
    assert settings_of(tmp_path, "synthetic:7").seed == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("prefix", ["", "clip:"])
def test_the_path_of_a_recording_lies_under_the_home(tmp_path: Path, prefix: str) -> None:
    assert settings_of(tmp_path, f"{prefix}cam.mp4").source == tmp_path / "cam.mp4"  # type: ignore[attr-defined]
    absolute = f"{prefix}/srv/cam.mp4"
    assert settings_of(tmp_path, absolute).source == Path("/srv/cam.mp4")  # type: ignore[attr-defined]


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
def test_anything_else_is_refused_with_what_is_allowed(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConfigError, match=r"device number.*rtsp://.*clip:PATH.*folder:PATH.*synthetic:SEED"):
        settings_of(tmp_path, source)


def test_a_password_in_a_wrong_source_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, "rtmp://admin:hunter2@camera.lan/live")
    assert "hunter2" not in str(caught.value)

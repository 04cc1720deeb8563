"""`open_camera`: makes the camera that the settings name. docs/extend/camera.md says how to add a kind."""

from collections.abc import Callable
from functools import partial
from typing import Any

from access.cameras.clip import ClipCamera
from access.cameras.folder import FolderCamera
from access.cameras.newest import NewestFrameCamera
from access.cameras.opencv import OpenCvCamera, shown_source
from access.cameras.synthetic import SyntheticCamera, passers_by
from models.ports import Camera, Clock
from models.settings.camera import (
    CameraSettings,
    ClipCameraSettings,
    DeviceCameraSettings,
    FolderCameraSettings,
    StreamCameraSettings,
    SyntheticCameraSettings,
)


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """The camera that the settings name, not opened yet: enter it with `with`.

    Live cameras deliver the newest frame and reconnect; clips and folders end. The synthetic camera shows the
    same few people over and over.

    Args:
        settings: of the camera; a file or folder need not exist before it is entered.
        clock: stamps the frames; recordings wait on it, and move a simulated one.
    """
    return CAMERAS[settings.kind](settings, clock)


def shown_camera(settings: CameraSettings) -> str:
    """The configured camera for a message: its kind and where it is, never a password."""
    if isinstance(settings, DeviceCameraSettings | StreamCameraSettings):
        return shown_source(settings.source)
    if isinstance(settings, SyntheticCameraSettings):
        return "the synthetic camera"
    return f"the {settings.kind} {settings.source}"


def _device(settings: DeviceCameraSettings, clock: Clock) -> Camera:
    return _newest(settings, clock, width=settings.width, height=settings.height)


def _stream(settings: StreamCameraSettings, clock: Clock) -> Camera:
    return _newest(settings, clock, stale_s=settings.stale_s, timestamps=settings.timestamps)


def _newest(settings: DeviceCameraSettings | StreamCameraSettings, clock: Clock, **options: Any) -> Camera:
    connect = partial(
        OpenCvCamera,
        settings.source,
        clock,
        **options,
        open_timeout_s=settings.lost_s,
        # Half the limit leaves time for one reconnect before the camera counts as lost.
        read_timeout_s=settings.lost_s / 2,
    )
    return NewestFrameCamera(
        connect,
        clock,
        lost_s=settings.lost_s,
        frozen_s=settings.frozen_s,
        open_s=2 * settings.lost_s,
        close_s=2 * settings.lost_s,
    )


def _clip(settings: ClipCameraSettings, clock: Clock) -> Camera:
    return ClipCamera(settings.source, clock)


def _folder(settings: FolderCameraSettings, clock: Clock) -> Camera:
    return FolderCamera(settings.source, clock)


def _synthetic(settings: SyntheticCameraSettings, clock: Clock) -> Camera:
    return SyntheticCamera(passers_by(settings.seed), clock, repeat=True)


CAMERAS: dict[str, Callable[[Any, Clock], Camera]] = {
    "device": _device,
    "stream": _stream,
    "clip": _clip,
    "folder": _folder,
    "synthetic": _synthetic,
}
"""Maker by kind of camera; the kinds are the classes of `models.settings.camera`."""

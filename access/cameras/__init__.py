"""Cameras of a door. `open_camera` makes the one that a source names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from access.cameras.clip import ClipCamera
from access.cameras.folder import FolderCamera
from access.cameras.newest import NewestFrameCamera
from access.cameras.opencv import OpenCvCamera
from access.cameras.synthetic import SyntheticCamera, passers_by
from models.errors import ConfigError
from models.ports import Camera, Clock
from models.settings import CameraSettings

STREAM_SCHEMES = ("rtsp://", "http://", "https://")
VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})
ALLOWED = (
    "device:NUMBER or NUMBER, rtsp://ADDRESS, http://ADDRESS, https://ADDRESS, clip:PATH, folder:PATH, "
    f"synthetic, synthetic:SEED, or the path of a folder or of a video ({', '.join(sorted(VIDEO_SUFFIXES))})"
)


def open_camera(source: str, settings: CameraSettings, clock: Clock) -> Camera:
    """The camera that `source` names, not opened yet: enter it with `with`.

    Live cameras deliver the newest frame and reconnect; clips and folders deliver every frame and end. The
    synthetic camera shows the same few people over and over.

    Args:
        source: as `ALLOWED` lists; a file or folder need not exist before it is entered.
        settings: the size asked of a device, and the limits after which a live camera is lost or frozen.
        clock: stamps the frames; recordings wait on it, and move a simulated one.

    Raises:
        ConfigError: the source is none of those.
    """
    if source.lower().startswith(STREAM_SCHEMES):
        return _newest(source, settings, clock)
    kind, _, rest = f"device:{source}".partition(":") if source.isdigit() else source.partition(":")
    makers: dict[str, Callable[[], Camera]] = {
        "device": lambda: _newest(_whole_number(rest, source), settings, clock),
        "clip": lambda: ClipCamera(Path(rest), clock),
        "folder": lambda: FolderCamera(Path(rest), clock),
        "synthetic": lambda: SyntheticCamera(
            passers_by(_whole_number(rest or "0", source)), clock, repeat=True
        ),
    }
    if kind in makers and (rest or kind == "synthetic"):
        return makers[kind]()
    if Path(source).suffix.lower() in VIDEO_SUFFIXES:
        return ClipCamera(Path(source), clock)
    if source and Path(source).is_dir():
        return FolderCamera(Path(source), clock)
    raise _unknown(source)


def _newest(source: int | str, settings: CameraSettings, clock: Clock) -> Camera:
    connect = partial(
        OpenCvCamera,
        source,
        clock,
        width=settings.width,
        height=settings.height,
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


def _whole_number(text: str, source: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _unknown(source)
    return int(text)


def _unknown(source: str) -> ConfigError:
    without_password = source.rpartition("@")[2]
    return ConfigError(f"camera.source {without_password!r} is none of: {ALLOWED}")

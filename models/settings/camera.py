"""`CameraSettings`: the table `[camera]`, a class per kind of camera, told apart by `kind`.

`kind` need not be written: it is found from `source` (`kind_of_source`).
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models.settings.base import Section

VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})
ALLOWED_SOURCES = (
    "a device number, /dev/video0 or /dev/v4l/by-id/NAME, rtsp://ADDRESS, http://ADDRESS, https://ADDRESS, "
    f"the path of a video ({', '.join(sorted(VIDEO_SUFFIXES))}), clip:PATH, folder:PATH, synthetic or "
    "synthetic:SEED"
)


class _Camera(Section):
    """Where pictures come from and when they are not believed."""

    stale_s: float = Field(default=0.5, gt=0, le=5)
    """A picture older than this many seconds is dropped, never judged."""


class _LiveCamera(_Camera):
    lost_s: float = Field(default=5.0, gt=0, le=300)
    """Without a picture for this many seconds the camera counts as lost and is opened again."""
    frozen_s: float = Field(default=5.0, gt=0, le=300)
    """The same picture for this many seconds counts as a frozen camera."""


class DeviceCameraSettings(_LiveCamera):
    """A camera that is plugged into this machine, such as a webcam."""

    kind: Literal["device"] = "device"
    """The kind of camera; found from `source` when it is not given."""
    source: int | str
    """The device: a number such as `0`, or a path: `/dev/video0`, `/dev/v4l/by-id/NAME`."""
    width: int = Field(default=640, ge=64, le=7680)
    """Width asked of the device, in pixels; it gives the nearest that it has."""
    height: int = Field(default=480, ge=64, le=4320)
    """Height asked of the device, in pixels."""


class StreamCameraSettings(_LiveCamera):
    """A network camera."""

    kind: Literal["stream"] = "stream"
    """The kind of camera; found from `source` when it is not given."""
    source: str = Field(min_length=1)
    """The address: `rtsp://`, `http://` or `https://`, with user name and password if the camera asks."""
    timestamps: bool = True
    """Find late pictures by the stream's time stamps; `false` for a camera whose stamps are wrong."""


class ClipCameraSettings(_Camera):
    """A recorded video, played at its own speed; the door ends with it."""

    kind: Literal["clip"] = "clip"
    """The kind of camera; found from `source` when it is not given."""
    source: Path
    """The path of the video; a relative one lies under the home."""


class FolderCameraSettings(_Camera):
    """A folder of pictures, shown one after the other; the door ends with them."""

    kind: Literal["folder"] = "folder"
    """The kind of camera; found from `source` when it is not given."""
    source: Path
    """The path of the folder; a relative one lies under the home."""


class SyntheticCameraSettings(_Camera):
    """Synthetic faces pass by; nobody real is seen."""

    kind: Literal["synthetic"] = "synthetic"
    """The kind of camera; found from `source` when it is not given."""
    source: Literal["synthetic"] = "synthetic"
    """`synthetic`, or `synthetic:SEED` for other faces."""
    seed: int = Field(default=0, ge=0)
    """Another seed shows other faces."""


_SOURCES = (
    ("stream", r"(?P<source>(rtsps?|https?)://.+)"),
    ("device", r"(device:)?(?P<source>[0-9]+|/dev/.+)"),
    ("synthetic", r"(?P<source>synthetic)(:(?P<seed>[0-9]+))?"),
    ("clip", r"clip:(?P<source>.+)"),
    ("folder", r"folder:(?P<source>.+)"),
    ("clip", rf"(?P<source>.*({'|'.join(re.escape(suffix) for suffix in sorted(VIDEO_SUFFIXES))}))"),
    ("folder", r"(?P<source>[^:]*/[^:]*)"),
)
"""The forms of a source, in the order in which they are tried."""


def kind_of_source(source: object) -> tuple[str, dict[str, Any]]:
    """The kind of camera that a source names, and the keys that the source stands for.

    Raises:
        ValueError: no kind of camera has such a source; the message lists what there is.
    """
    text = "" if isinstance(source, bool) else str(source).strip()
    for kind, pattern in _SOURCES:
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found is not None:
            keys = {name: value for name, value in found.groupdict().items() if value is not None}
            number = kind == "device" and keys["source"].isdecimal()
            return kind, keys | ({"source": int(keys["source"])} if number else {})
    shown = text.rpartition("@")[2]  # what stands before it may be a password
    raise ValueError(f"the source {shown!r} is not one of: {ALLOWED_SOURCES}")


def _with_kind(value: object) -> object:
    """Fill in `kind`, and split what `source` says of it."""
    if not isinstance(value, dict):
        return value
    if "source" not in value:
        return {"kind": "synthetic", **value}
    kind, keys = kind_of_source(value["source"])
    return {"kind": kind} | value | keys


CameraSettings = Annotated[
    DeviceCameraSettings
    | StreamCameraSettings
    | ClipCameraSettings
    | FolderCameraSettings
    | SyntheticCameraSettings,
    Field(discriminator="kind"),
    BeforeValidator(_with_kind),
]

"""`OpenCvCamera`: a device by its number or path, or a stream by its address, read with OpenCV."""

import re
import sys
from pathlib import Path
from typing import TypeGuard

import cv2

from access.cameras.capture_time import CaptureTimes
from models.domain import Frame, ImageArray
from models.errors import CameraAbsentError, CameraLostError
from models.ports import Clock

MAX_DEVICE = 255
DEVICE_BACKEND = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
DEVICE_FOLDER = Path("/dev")
DEVICE_PATTERNS = ("video*", "v4l/by-id/*")
"""Where Linux shows cameras; the names under by-id stay the same when the machine starts again."""

NO_PTS = -(2.0**62)
"""FFmpeg marks a picture without a time stamp with the smallest 64-bit number."""


class OpenCvCamera:
    """Reads frames in the order they come. Wrap it in `NewestFrameCamera` for a door.

    Streams have time limits of their own in the FFmpeg backend, so neither opening nor reading one waits for
    ever. A device has a fixed limit in its backend (10 s in V4L2).

    Pictures of a stream that come late are left out (`access.cameras.capture_time`).

    Args:
        source: a device number, the absolute path of a device such as /dev/video0 or /dev/v4l/by-id/NAME, or
            an rtsp://, http:// or https:// address.
        clock: gives the frames their time: of a device when it was decoded, of a stream when it was taken,
            as far as its time stamps tell.
        width, height: asked of a device, in pixels; it may give the nearest it has. Streams ignore them.
        open_timeout_s, read_timeout_s: limits for a stream, in seconds.
        stale_s: a picture of a stream delayed by more than this many seconds is left out.
        timestamps: whether a stream's time stamps can be believed.
    """

    def __init__(
        self,
        source: int | str,
        clock: Clock,
        *,
        width: int | None = None,
        height: int | None = None,
        open_timeout_s: float = 5.0,
        read_timeout_s: float = 2.5,
        stale_s: float = 0.5,
        timestamps: bool = True,
    ) -> None:
        self._source = source
        self._clock = clock
        self._size = (width, height)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._stale_s = stale_s
        self._timestamps = timestamps
        self._times: CaptureTimes | None = None
        self._capture: cv2.VideoCapture | None = None
        self._index = 0

    def __enter__(self) -> "OpenCvCamera":
        """Open it.

        Raises:
            CameraAbsentError: nothing there, busy, not allowed, or no answer within the limit.
        """
        if _is_path(self._source) and not Path(self._source).exists():
            raise CameraAbsentError(f"there is no {self._source}: {_devices_there()}")
        capture = cv2.VideoCapture()
        if not self._open(capture):
            capture.release()
            raise CameraAbsentError(self._advice())
        self._capture = capture
        self._times = None if self._is_device() else CaptureTimes(self._stale_s)
        self._index = 0
        return self

    def __exit__(self, *exc: object) -> None:
        """Release the device or the connection."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def read(self) -> Frame:
        """The next frame; a camera has no end.

        Raises:
            CameraLostError: it is not open, no frame came within the limit, or only late ones did.
        """
        capture = self._capture
        if capture is None:
            raise CameraLostError("the camera is not open: enter it with `with` before reading")
        begun_s = self._clock.monotonic_s()
        while True:
            asked_s = self._clock.monotonic_s()
            image = self._read_picture(capture)
            arrived_s = self._clock.monotonic_s()
            captured_at_s = self._captured_at_s(capture, asked_s, arrived_s)
            if captured_at_s is not None:
                frame = Frame(image, captured_at_s, self._index)
                self._index += 1
                return frame
            if arrived_s - begun_s > self._read_timeout_s:
                raise CameraLostError(
                    f"{shown_source(self._source)} delivers pictures more than {self._stale_s:g} s late: "
                    "check the network; with a camera whose time stamps are wrong set camera.timestamps to "
                    "false"
                )

    def _read_picture(self, capture: cv2.VideoCapture) -> ImageArray:
        try:
            ok, image = capture.read()
        except cv2.error as error:
            raise CameraLostError(f"{shown_source(self._source)} failed: {error}") from error
        if not ok or image is None:
            raise CameraLostError(
                f"{shown_source(self._source)} stopped delivering: check its power and cable"
            )
        picture: ImageArray = image
        return picture

    def _captured_at_s(self, capture: cv2.VideoCapture, asked_s: float, arrived_s: float) -> float | None:
        """When the picture just read was taken; None when it came too late."""
        if self._times is None:
            return arrived_s
        stamped = self._timestamps and capture.get(cv2.CAP_PROP_PTS) > NO_PTS
        stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if stamped else None
        return self._times.captured_at_s(stamp_s, asked_s, arrived_s)

    def _is_device(self) -> bool:
        return isinstance(self._source, int) or _is_path(self._source)

    def _open(self, capture: cv2.VideoCapture) -> bool:
        try:
            if isinstance(self._source, int):
                # OpenCV 5.0 crashes the process on a number that is no C int.
                return 0 <= self._source <= MAX_DEVICE and self._open_device(capture, self._source)
            if _is_path(self._source):
                # by-id names are links, and V4L2 in OpenCV wants the device itself.
                return self._open_device(capture, str(Path(self._source).resolve()))
            limits = [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(self._open_timeout_s * 1000)),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(self._read_timeout_s * 1000)),
                # Decoding in several threads holds back one frame per thread.
                *(cv2.CAP_PROP_N_THREADS, 1),
            ]
            return bool(capture.open(self._source, cv2.CAP_FFMPEG, limits))
        except cv2.error:
            return False

    def _open_device(self, capture: cv2.VideoCapture, device: int | str) -> bool:
        if not capture.open(device, DEVICE_BACKEND):
            return False
        width, height = self._size
        if width is not None and height is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        # Fewer frames waiting in the driver means younger frames; not every driver listens.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return True

    def _advice(self) -> str:
        shown = shown_source(self._source)
        if self._is_device():
            return (
                f"{shown} could not be opened: is it plugged in, is another program using it, "
                f"and may this user read it? {_devices_there()}"
            )
        return f"{shown} could not be opened: check the address, the user name and the network"


def _is_path(source: int | str) -> TypeGuard[str]:
    return isinstance(source, str) and source.startswith("/")


def _devices_there() -> str:
    """A sentence that lists the cameras this machine has."""
    found = sorted(str(path) for pattern in DEVICE_PATTERNS for path in DEVICE_FOLDER.glob(pattern))
    return f"this machine has {', '.join(found)}" if found else "this machine has no camera plugged in"


_SHOWN_HOST = re.compile(
    r"(?P<scheme>[a-z]+)://([^/?#]*@)?(?P<host>([\w.-]+|\[[\da-f:]+\])(:\d+)?)([/?#][^@]*)?", re.IGNORECASE
)
"""An address with a plain host. An @ after the host may belong to a password that was not escaped."""


def shown_source(source: int | str) -> str:
    """The source for a message or a log: of an address the scheme, host and port alone.

    Anything else in an address may hold a password: the user part, the query, and with some cameras the path.
    """
    if isinstance(source, int) or _is_path(source):
        return f"camera device {source}"
    found = _SHOWN_HOST.fullmatch(source)
    return f"the camera at {found['scheme']}://{found['host']}" if found else "the camera at its address"

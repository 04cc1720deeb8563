"""A camera that OpenCV can open: a device by its number, or a stream by its address."""

import sys
from urllib.parse import urlsplit, urlunsplit

import cv2

from models.domain import Frame
from models.errors import CameraAbsentError, CameraLostError
from models.ports import Clock

MAX_DEVICE = 255
DEVICE_BACKEND = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY


class OpenCvCamera:
    """Reads frames in the order they come. Wrap it in `NewestFrameCamera` for a door.

    Streams have time limits of their own in the FFmpeg backend, so neither opening nor reading one waits for
    ever. A device has a fixed limit in its backend (10 s in V4L2).

    Args:
        source: a device number, or an rtsp://, http:// or https:// address.
        clock: stamps each frame when it has been decoded.
        width, height: asked of a device, in pixels; it may give the nearest it has. Streams ignore them.
        open_timeout_s, read_timeout_s: limits for a stream, in seconds.
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
    ) -> None:
        self._source = source
        self._clock = clock
        self._size = (width, height)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._capture: cv2.VideoCapture | None = None
        self._index = 0

    def __enter__(self) -> "OpenCvCamera":
        """Open it.

        Raises:
            CameraAbsentError: nothing there, busy, not allowed, or no answer within the limit.
        """
        capture = cv2.VideoCapture()
        if not self._open(capture):
            capture.release()
            raise CameraAbsentError(self._advice())
        self._capture = capture
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
            CameraLostError: it is not open, or no frame came within the limit.
        """
        if self._capture is None:
            raise CameraLostError("the camera is not open: enter it with `with` before reading")
        try:
            ok, image = self._capture.read()
        except cv2.error as error:
            raise CameraLostError(f"{shown_source(self._source)} failed: {error}") from error
        if not ok or image is None:
            raise CameraLostError(
                f"{shown_source(self._source)} stopped delivering: check its power and cable"
            )
        frame = Frame(image, self._clock.monotonic_s(), self._index)
        self._index += 1
        return frame

    def _open(self, capture: cv2.VideoCapture) -> bool:
        try:
            if isinstance(self._source, int):
                return self._open_device(capture, self._source)
            limits = [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(self._open_timeout_s * 1000)),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(self._read_timeout_s * 1000)),
                # Decoding in several threads holds back one frame per thread.
                *(cv2.CAP_PROP_N_THREADS, 1),
            ]
            return bool(capture.open(self._source, cv2.CAP_FFMPEG, limits))
        except cv2.error:
            return False

    def _open_device(self, capture: cv2.VideoCapture, device: int) -> bool:
        # OpenCV 5.0 crashes the process on a number that is no C int.
        if not 0 <= device <= MAX_DEVICE or not capture.open(device, DEVICE_BACKEND):
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
        if isinstance(self._source, int):
            return (
                f"{shown} could not be opened: is it plugged in, is another program using it, "
                "and may this user read /dev/video*?"
            )
        return f"{shown} could not be opened: check the address, the user name and the network"


def shown_source(source: int | str) -> str:
    """The source in words fit for a message or a log: without user name, password and query."""
    if isinstance(source, int):
        return f"camera device {source}"
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    return f"the camera at {urlunsplit((parts.scheme, host, parts.path, '', ''))}"

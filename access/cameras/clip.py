"""A recorded clip, played by its own clock."""

import math
from pathlib import Path

import cv2

from models.domain import Frame
from models.errors import CameraAbsentError, CameraLostError
from models.ports import Clock


class ClipCamera:
    """Delivers every frame of a video file in order, each at its time.

    Frame number i is due i / fps seconds after opening. With a simulated clock the clip moves the clock to
    that time and takes no longer than decoding does; with the system clock it plays at its own speed.

    Args:
        path: a video file that FFmpeg can decode.
        clock: waits for each frame, and is the clock of `captured_at_s`.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._fps = 0.0
        self._start_s = 0.0
        self._index = 0

    def __enter__(self) -> "ClipCamera":
        """Open the file.

        Raises:
            CameraAbsentError: no such file, or not a video.
        """
        if not self._path.is_file():
            raise CameraAbsentError(f"there is no clip {self._path}: check the path")
        capture = cv2.VideoCapture()
        opened = capture.open(str(self._path), cv2.CAP_FFMPEG)
        fps = float(capture.get(cv2.CAP_PROP_FPS)) if opened else 0.0
        if not (math.isfinite(fps) and fps > 0):
            capture.release()
            raise CameraAbsentError(f"{self._path} is not a video that can be played: convert it to MP4")
        self._capture = capture
        self._fps = fps
        self._start_s = self._clock.monotonic_s()
        self._index = 0
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def read(self) -> Frame | None:
        """The next frame, at its time; None after the last.

        Raises:
            CameraLostError: the clip is not open, or holds no picture at all.
        """
        if self._capture is None:
            raise CameraLostError("the clip is not open: enter it with `with` before reading")
        ok, image = self._capture.read()
        if (not ok or image is None) and self._index == 0:
            raise CameraLostError(f"{self._path} holds no picture that can be played: convert it to MP4")
        if not ok or image is None:
            return None
        due_s = self._start_s + self._index / self._fps
        self._clock.sleep(due_s - self._clock.monotonic_s())
        frame = Frame(image, due_s, self._index)
        self._index += 1
        return frame
